defmodule Bloom.Metadata.AuditTest do
  # On a file, with somebody at it who is not Bloom.
  use ExUnit.Case

  alias Bloom.{Error, Metadata, Native}
  alias Bloom.Metadata.Store

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    Application.put_env(:bloom, :app_root, dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)

    for operation <- [:install, :switch, :rollback] do
      :ok = Metadata.audit(%{who: "me", operation: operation, arguments: ["1.1.0"], result: :ok})
    end

    {:ok, db: Path.join(dir, "bloom.db")}
  end

  defp tamper(db, sql) do
    {:ok, store} = Native.store_open(db)
    {:ok, _rows} = Native.store_query(store, sql, [])
    :ok = Native.store_close(store)
  end

  test "a log as it was written is sound, and its head changes with every row" do
    assert {:ok, %{rows: 3, adopted: 0, pending: 0, first: 1, head: head}} = Metadata.verify_audit()
    assert head =~ ~r/^[0-9a-f]{64}$/
    Store.close()
    assert {:ok, %{head: ^head}} = Metadata.verify_audit()
    :ok = Metadata.audit(%{who: nil, operation: :status, arguments: [], result: :ok})
    assert {:ok, %{rows: 4, head: other}} = Metadata.verify_audit()
    assert other != head
  end

  for {what, sql, row} <- [
        {"a changed row", "UPDATE audit SET who = 'you' WHERE id = 2", 2},
        {"a removed row", "DELETE FROM audit WHERE id = 2", 3},
        {"the last row removed", "DELETE FROM audit WHERE id = 3", 3},
        {"all rows removed", "DELETE FROM audit", 3},
        {"a row put in", "INSERT INTO audit (id, at, operation, arguments, result) VALUES (0, 1, 'x', x'', x'')", 0}
      ] do
    test "#{what} is found and named", %{db: db} do
      tamper(db, unquote(sql))
      assert {:error, %Error{code: :audit_broken, message: message, details: details}} = Metadata.verify_audit()
      assert details.row == unquote(row)
      assert message =~ "at row #{unquote(row)}: "

      # And stays found.
      :ok = Metadata.audit(%{who: "me", operation: :install, arguments: [], result: :ok})
      assert {:error, %Error{code: :audit_broken, details: %{row: _row}}} = Metadata.verify_audit()
    end
  end

  test "who has noted the head finds a whole new log", %{db: db} do
    {:ok, %{head: head}} = Metadata.verify_audit()
    :ok = Metadata.audit(%{who: "me", operation: :install, arguments: [], result: :ok})
    assert {:ok, %{rows: 4}} = Metadata.verify_audit(noted: head)

    for sql <- ["DELETE FROM audit", "DELETE FROM audit_chain", "DELETE FROM sqlite_sequence WHERE name = 'audit'"] do
      tamper(db, sql)
    end

    :ok = Metadata.audit(%{who: "me", operation: :install, arguments: [], result: :ok})
    assert {:ok, %{rows: 1}} = Metadata.verify_audit()
    assert {:error, %Error{code: :audit_broken, message: message}} = Metadata.verify_audit(noted: head)
    assert message =~ head
    assert {:error, %Error{code: :audit_broken}} = Metadata.verify_audit(noted: "no digest")
  end

  test "rows of an older Bloom are told apart", %{db: db} do
    tamper(db, "INSERT INTO audit (at, who, operation, arguments, result) VALUES (1, 'old', 'switch', x'', x'')")
    assert {:ok, %{rows: 3, adopted: 0, pending: 1}} = Metadata.verify_audit()
    :ok = Metadata.audit(%{who: "me", operation: :install, arguments: [], result: :ok})
    assert {:ok, %{rows: 5, adopted: 1, pending: 0}} = Metadata.verify_audit()
  end
end

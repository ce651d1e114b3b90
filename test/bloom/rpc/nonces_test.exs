defmodule Bloom.RPC.NoncesTest do
  use ExUnit.Case

  alias Bloom.Error
  alias Bloom.Metadata.Store
  alias Bloom.RPC.Nonces

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    Application.put_env(:bloom, :app_root, dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)
  end

  defp token(expires_at), do: %{nonce: :crypto.strong_rand_bytes(16), expires_at: expires_at}

  test "a token is good once, also for a node that was started again" do
    token = token(1_060)
    assert Nonces.use_up(token, 1_000) == :ok
    assert {:error, %Error{code: :token_replayed}} = Nonces.use_up(token, 1_000)
    Store.close()
    assert {:error, %Error{code: :token_replayed}} = Nonces.use_up(token, 1_060)
    assert Nonces.use_up(token(1_060), 1_000) == :ok
  end

  test "one of many that use it at once gets through" do
    token = token(1_060)
    tasks = for _caller <- 1..20, do: Task.async(fn -> Nonces.use_up(token, 1_000) end)
    answers = Task.await_many(tasks, 60_000)
    assert Enum.count(answers, &(&1 == :ok)) == 1
    assert Enum.count(answers, &match?({:error, %Error{code: :token_replayed}}, &1)) == 19
  end

  test "what has expired is forgotten" do
    assert Nonces.use_up(token(1_060), 1_000) == :ok
    assert Nonces.use_up(token(100_060), 100_000) == :ok
    assert {:ok, [[1]]} = Store.query("SELECT count(*) FROM nonces")
  end

  test "without a journal nothing is let in" do
    Application.put_env(:bloom, :app_root, "/sys/no")
    assert {:error, %Error{}} = Nonces.use_up(token(1_060), 1_000)
  end
end

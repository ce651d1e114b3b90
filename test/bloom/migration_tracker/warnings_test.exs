defmodule Bloom.MigrationTracker.WarningsTest do
  use ExUnit.Case, async: true

  alias Bloom.MigrationTracker.Warnings

  doctest Warnings

  # The codes of a migration with this body of change/0, which begins in line 3.
  defp codes(body), do: for({code, _message} <- warnings(body), do: code)

  defp warnings(body) do
    source = "defmodule Garden.M do\n  use Ecto.Migration\n  def change do\n#{body}\n  end\nend\n"
    Warnings.of_source(source, "m.exs")
  end

  for {body, code} <- [
        {"drop table(:beds)", "table_dropped"},
        {"drop_if_exists table(\"beds\", prefix: \"old\")", "table_dropped"},
        {"drop table(:beds), mode: :cascade", "table_dropped"},
        {"alter table(:beds) do\n remove :rain\nend", "column_removed"},
        {"alter table(:beds) do\n remove :rain, :integer, default: 0\nend", "column_removed"},
        {"alter(table(:beds), do: remove_if_exists(:rain, :integer))", "column_removed"},
        {"alter table(:beds) do\n if true do\n remove :rain\n end\nend", "column_removed"},
        {"rename table(:beds), to: table(:plots)", "table_renamed"},
        {"rename table(:beds), :rain, to: :water", "column_renamed"},
        {"alter table(:beds) do\n modify :rain, :integer, null: false\nend", "not_null"},
        {"alter table(:beds) do\n add :rain, :integer, null: false\nend", "not_null"},
        {"alter table(:beds) do\n add_if_not_exists :rain, :integer, null: false\nend", "not_null"},
        {"create unique_index(:beds, [:name])", "unique_index"},
        {"create index(:beds, [:name], unique: true)", "unique_index"},
        {"create_if_not_exists unique_index(:beds, [:name], name: :by_name)", "unique_index"},
        {"execute \"ALTER TABLE beds DROP COLUMN rain\"", "column_removed"},
        {"execute \"drop  table beds\", \"create table beds ()\"", "table_dropped"},
        {"execute(~s(ALTER TABLE beds RENAME rain TO water))", "renamed"},
        {"execute \"\"\"\nALTER TABLE \#{prefix()}.beds\nALTER COLUMN rain SET NOT NULL\n\"\"\"", "not_null"},
        {"execute [\"SELECT 1\", \"DROP TABLE beds\"]", "table_dropped"}
      ] do
    test "warns: #{inspect(body)}" do
      assert codes(unquote(body)) == [unquote(code)]
    end
  end

  for body <- [
        "create table(:beds) do\n add :rain, :integer, null: false\nend",
        "create table(:beds) do\n add :rain, :integer\nend\ncreate unique_index(:beds, [:rain])",
        "alter table(:beds) do\n add :rain, :integer\nend",
        "alter table(:beds) do\n add :rain, :integer, null: false, default: 0\nend",
        "alter table(:beds) do\n modify :rain, :bigint\nend",
        "alter table(:beds) do\n modify :rain, :integer, null: true\nend",
        "create index(:beds, [:name])",
        "drop index(:beds, [:name])",
        "drop constraint(:beds, :positive)",
        "execute \"CREATE EXTENSION hstore\", \"DROP TABLE beds\"",
        "execute &drop_everything/0",
        "remove(list, element)"
      ] do
    test "lives with: #{inspect(body)}" do
      assert codes(unquote(body)) == []
    end
  end

  test "the way down is not looked at, helpers are" do
    source = """
    defmodule Garden.M do
      def up, do: helper()
      def down, do: drop table(:beds)
      defp helper, do: rename(table(:plots), to: table(:fields))
    end
    """

    assert [{"table_renamed", "m.exs:4 renames table plots, and" <> _rest}] = Warnings.of_source(source, "m.exs")
  end

  test "each names file, line, what and what to do instead" do
    assert [{_code, message}] = warnings("alter table(:beds) do\n  remove :rain\nend")
    assert message =~ "m.exs:5 removes column rain of table beds, and the old code may use it until the switch"
    assert message =~ "do that one release later"
    assert [{_code, message}] = warnings("alter table(:beds) do\n  add :rain, :integer, null: false\nend")
    assert message =~ "m.exs:5 adds column rain to table beds without a default, and forbids NULL in it"
    assert message =~ "give it a default"
  end

  test "names that are made at run time are warned of too" do
    assert [{"table_dropped", message}] = warnings("drop table(name())")
    assert message =~ "drops table (named at run time)"
  end

  test "what cannot be read is told" do
    assert [{"migration_unreadable", message}] = Warnings.of_source("defmodule M do", "m.exs")
    assert message =~ "m.exs cannot be read"
    assert [%{code: "migration_unreadable", application: "garden"}] = Warnings.of_files([{"garden", "nowhere/m.exs"}])
  end

  test "no atoms are made of what a migration says" do
    name = "never_seen_before_#{System.unique_integer([:positive])}"
    assert [_warning] = warnings("drop table(:#{name})")
    assert_raise ArgumentError, fn -> String.to_existing_atom(name) end
  end

  @tag :tmp_dir
  test "files of applications become warnings of a plan", %{tmp_dir: dir} do
    file = Path.join(dir, "1_drop.exs")
    File.write!(file, "defmodule M do\n  def change, do: drop table(:beds)\nend")

    assert [%{code: "table_dropped", application: "garden", module: nil, message: "1_drop.exs:2 drops" <> _rest}] =
             Warnings.of_files([{"garden", file}])
  end

  @tag :tmp_dir
  test "of a plan, what the target has and the running release has not", %{tmp_dir: root} do
    for {dir, file} <- [
          {"garden-1.0.0", "1_beds.exs"},
          {"garden-1.1.0", "1_beds.exs"},
          {"garden-1.1.0", "2_drop.exs"},
          {"garden-1.1.0", "seeds.exs"},
          {"bees-1.0.0", "3_drop.exs"}
        ] do
      path = Path.join([root, "lib", dir, "priv/repo/migrations", file])
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, "defmodule M do\n  def change, do: drop table(:beds)\nend")
    end

    applications = [
      %{name: "garden", from_version: "1.0.0", to_version: "1.1.0"},
      %{name: "bees", from_version: "1.0.0", to_version: "1.0.0"},
      %{name: "gone", from_version: "1.0.0", to_version: nil}
    ]

    assert [%{application: "garden", message: message}] = Warnings.of_plan(root, applications)
    assert message =~ ~r{^garden-1.1.0/priv/repo/migrations/2_drop.exs:2 drops table beds}
  end
end

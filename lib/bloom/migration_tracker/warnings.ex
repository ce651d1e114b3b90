defmodule Bloom.MigrationTracker.Warnings do
  @moduledoc """
  What in a migration the code of the release before cannot live with.

  Migrations run before the switch, and after a rollback the old code is back: it must get on with the new schema.
  Migrations are read here, as data and without making atoms, and never run. What is built at run time (table names in
  variables, SQL from functions) is not seen.
  """

  alias Bloom.Plan

  @sql [
    {~r/\bDROP\s+TABLE\b/i, "table_dropped", "drops a table"},
    {~r/\bDROP\s+(VIEW|SCHEMA|TYPE|FUNCTION)\b/i, "object_dropped", "drops an object"},
    {~r/\bDROP\s+COLUMN\b/i, "column_removed", "removes a column"},
    {~r/\bRENAME\s+(TO|COLUMN|CONSTRAINT|\S+\s+TO)\b/i, "renamed", "renames something"},
    {~r/\bSET\s+NOT\s+NULL\b/i, "not_null", "forbids NULL in a column"}
  ]

  @doc """
  The warnings of the migrations that a release has and the one that runs has not.

  `applications` are those of a plan. Looked at are the files of their `priv` directories that are named as migrations are.
  """
  @spec of_plan(Path.t(), [Plan.application()]) :: [Plan.reason()]
  def of_plan(root, applications) do
    files =
      for %{name: name, from_version: from, to_version: to} when to != nil and from != to <- applications,
          known = for({file, _path} <- migrations(root, name, from), do: file),
          {file, path} <- migrations(root, name, to),
          file not in known,
          do: {name, path}

    of_files(files, &Path.relative_to(&1, Path.join(root, "lib")))
  end

  defp migrations(_root, _name, nil), do: []

  defp migrations(root, name, version) do
    for path <- Path.wildcard(Path.join([root, "lib", "#{name}-#{version}", "priv", "**", "*.exs"])),
        file = Path.basename(path),
        file =~ ~r/^\d+_.+\.exs$/,
        do: {file, path}
  end

  @doc "The warnings of migration files, as a plan has them; `shown` turns a path into what people know it by."
  @spec of_files([{String.t(), Path.t()}], (Path.t() -> String.t())) :: [Plan.reason()]
  def of_files(files, shown \\ &Path.basename/1) do
    for {application, file} <- files, {code, message} <- of_file(file, shown.(file)) do
      %{code: code, message: message, application: application, module: nil}
    end
  end

  defp of_file(file, shown) do
    case File.read(file) do
      {:ok, source} -> of_source(source, shown)
      {:error, reason} -> [unreadable(shown, :file.format_error(reason))]
    end
  end

  @doc """
  The warnings of the source of a migration, as `{code, message}`.

      iex> source = "defmodule M do\\n  def change, do: drop table(:beds)\\nend"
      iex> [{"table_dropped", message}] = Bloom.MigrationTracker.Warnings.of_source(source, "1_m.exs")
      iex> message
      "1_m.exs:2 drops table beds, and the old code may use it until the switch, and again after a rollback: do that one release later, when no code needs it"
  """
  @spec of_source(String.t(), String.t()) :: [{String.t(), String.t()}]
  def of_source(source, shown) do
    case Code.string_to_quoted(source, static_atoms_encoder: fn name, _meta -> {:ok, name} end) do
      {:ok, quoted} ->
        created = created(quoted)

        for {line, code, what, why} <- found(quoted, nil),
            what.table not in created,
            do: {code, text(shown, line, what, why)}

      {:error, _reason} ->
        [unreadable(shown, "it is not valid Elixir")]
    end
  end

  defp unreadable(shown, why),
    do:
      {"migration_unreadable", "#{shown} cannot be read (#{why}), so nobody can tell whether old code can live with it"}

  defp text(shown, line, what, :later),
    do:
      "#{shown}:#{line} #{what.text}, and the old code may use it until the switch, and again after a rollback: " <>
        "do that one release later, when no code needs it"

  defp text(shown, line, what, :rows),
    do:
      "#{shown}:#{line} #{what.text}, and the old code may write rows that this refuses, until the switch and again " <>
        "after a rollback: give it a default, or do that one release later"

  # Tables that the migration itself makes: no old code uses them.
  defp created(quoted) do
    {_quoted, created} =
      Macro.prewalk(quoted, [], fn
        {create, _meta, [{"table", _table_meta, [name | _opts]} | _block]} = node, created
        when create in ["create", "create_if_not_exists"] ->
          {node, [name(name) | created]}

        node, created ->
          {node, created}
      end)

    created
  end

  # Everything but the way down; `table` is the one that is being altered.
  defp found({"def", _meta, [{"down", _down_meta, _args} | _body]}, _table), do: []

  defp found({"alter", _meta, [{"table", _table_meta, [name | _opts]}, [{_do, block}]]}, _table),
    do: found(block, name(name))

  defp found({"drop" <> _if_exists, meta, [{"table", _table_meta, [name | _opts]} | _drop_opts]}, _table),
    do: [{meta[:line], "table_dropped", what(name(name), "drops table #{name(name)}"), :later}]

  defp found({"rename", meta, [{"table", _table_meta, [name | _opts]} | arguments]}, _table) do
    case arguments do
      [column, [{"to", to}]] ->
        text = "renames column #{name(column)} of table #{name(name)} to #{name(to)}"
        [{meta[:line], "column_renamed", what(name(name), text), :later}]

      _to ->
        [{meta[:line], "table_renamed", what(name(name), "renames table #{name(name)}"), :later}]
    end
  end

  defp found({"remove" <> _if_exists, meta, [column | _type]}, table) when table != nil,
    do: [{meta[:line], "column_removed", what(table, "removes column #{name(column)} of table #{table}"), :later}]

  defp found({add, meta, [column, _type, opts]}, table)
       when table != nil and add in ["add", "add_if_not_exists"] and is_list(opts) do
    if not_null?(opts) and not List.keymember?(opts, "default", 0),
      do: [
        {meta[:line], "not_null",
         what(table, "adds column #{name(column)} to table #{table} without a default, and forbids NULL in it"), :rows}
      ],
      else: []
  end

  defp found({"modify", meta, [column, _type, opts]}, table) when table != nil and is_list(opts) do
    if not_null?(opts),
      do: [{meta[:line], "not_null", what(table, "forbids NULL in column #{name(column)} of table #{table}"), :rows}],
      else: []
  end

  defp found({"create" <> _if_not_exists, meta, [{index, _index_meta, [name | arguments]} | _]}, _table)
       when index in ["unique_index", "index"] do
    opts = List.last(arguments)

    if index == "unique_index" or (is_list(opts) and {"unique", true} in opts),
      do: [{meta[:line], "unique_index", what(name(name), "makes a unique index on table #{name(name)}"), :rows}],
      else: []
  end

  # The second argument is the way down.
  defp found({"execute", meta, [sql | _down]}, _table) do
    text = literal(sql)

    for {pattern, code, what} <- @sql, text =~ pattern do
      {meta[:line], code, what(nil, "#{what} by SQL"), if(code == "not_null", do: :rows, else: :later)}
    end
  end

  defp found({call, _meta, arguments}, table), do: found(call, table) ++ found(arguments, table)
  defp found({left, right}, table), do: found(left, table) ++ found(right, table)
  defp found(list, table) when is_list(list), do: Enum.flat_map(list, &found(&1, table))
  defp found(_leaf, _table), do: []

  defp not_null?(opts), do: {"null", false} in opts

  defp what(table, text), do: %{table: table, text: text}

  defp name(name) when is_binary(name), do: name
  defp name(_built_at_run_time), do: "(named at run time)"

  # Text, also with interpolations, a sigil, or a list of statements.
  defp literal(text) when is_binary(text), do: text
  defp literal({:<<>>, _meta, parts}), do: Enum.map_join(parts, " ", &literal/1)
  defp literal({"sigil_" <> _letter, _meta, [text | _modifiers]}), do: literal(text)
  defp literal({sigil, _meta, [text | _modifiers]}) when is_atom(sigil), do: literal(text)
  defp literal(list) when is_list(list), do: Enum.map_join(list, "; ", &literal/1)
  defp literal(_built_at_run_time), do: ""
end

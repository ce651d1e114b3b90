defmodule Garden.AnotherElixir do
  @moduledoc "Another Elixir for machines that have one: a copy under another version, which it says itself, too."

  @doc "Has a release take the copy, which is made in a directory."
  def put(release, version, dir) do
    update_in(release.applications[:elixir], fn elixir ->
      copy = Path.join(dir, "lib/elixir")
      File.mkdir_p!(copy)
      File.cp_r!(Path.join(elixir[:path], "ebin"), Path.join(copy, "ebin"))
      File.cp_r!(Path.join(elixir[:path], "../../bin"), Path.join(dir, "bin"))
      name(Path.join(copy, "ebin/elixir.app"), version)
      change(Path.join(copy, "ebin/Elixir.System.beam"), version)
      # The boot script and the launcher's scripts are made of what the VM that makes them has in its paths.
      Code.prepend_path(Path.join(copy, "ebin"))
      Keyword.merge(elixir, path: to_charlist(copy), vsn: to_charlist(version))
    end)
  end

  defp name(path, version) do
    {:ok, [{:application, :elixir, properties}]} = :file.consult(path)
    properties = Keyword.put(properties, :vsn, to_charlist(version))
    File.write!(path, :io_lib.format("~p.~n", [{:application, :elixir, properties}]))
  end

  # The code has to be another one as well: a version alone is nothing that a release is told from another by.
  defp change(path, version) do
    {:ok, {System, [debug_info: {_format, backend, data}]}} = :beam_lib.chunks(to_charlist(path), [:debug_info])
    {:ok, forms} = backend.debug_info(:erlang_v1, System, data, [])
    {:ok, System, code} = forms |> Enum.map(&say(&1, version)) |> :compile.forms([])
    File.write!(path, code)
  end

  defp say({:function, line, :version, 0, _clauses}, version) do
    {:function, line, :version, 0, [{:clause, line, [], [], [:erl_parse.abstract(version)]}]}
  end

  defp say(form, _version), do: form
end

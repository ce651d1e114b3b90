defmodule Bloom.Test.Faults.Modules do
  @moduledoc "Which directories and which code a version has, by its own files, and which code a node has loaded."

  alias Bloom.Test.Node

  @doc "The directories that are a version's, relative to its root: its libraries, ERTS and its own."
  @spec units(Path.t(), String.t()) :: [Path.t()]
  def units(root, version) do
    {:ok, [{:release, _name, {:erts, erts}, apps}]} =
      :file.consult(Path.join([root, "releases", version, "garden.rel"]))

    libraries = for app <- apps, do: "lib/#{elem(app, 0)}-#{elem(app, 1)}"
    ["releases/#{version}", "erts-#{erts}" | libraries]
  end

  @doc """
  The digest of every module of a version, by name; consolidated protocols win over their applications' own.

  Read once for each root: these are the files that nothing ever happened to.
  """
  @spec of(Path.t(), String.t()) :: %{module() => binary()}
  def of(root, version) do
    key = {__MODULE__, root, version}

    with nil <- :persistent_term.get(key, nil) do
      modules = read(root, version)
      :persistent_term.put(key, modules)
      modules
    end
  end

  defp read(root, version) do
    dirs = for unit <- units(root, version), do: Path.join([root, unit, "ebin"])
    consolidated = Path.join([root, "releases", version, "consolidated"])

    for dir <- dirs ++ [consolidated], beam <- Path.wildcard(Path.join(dir, "*.beam")), into: %{} do
      {:ok, {module, md5}} = :beam_lib.md5(to_charlist(beam))
      {module, md5}
    end
  end

  @doc "The digest of every module that a node has loaded from a file."
  @spec loaded(Node.t()) :: %{module() => binary()}
  def loaded(node) do
    Node.eval(node, """
    for {module, file} <- :code.all_loaded(), is_list(file), file != [], into: %{} do
      {module, :erlang.get_module_info(module, :md5)}
    end
    """)
  end
end

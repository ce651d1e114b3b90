defmodule Bloom.Deployment.Steps.Commit do
  @moduledoc """
  Makes the running release the one that boots next, durably.

  The release counts as committed from the moment when `start_erl.data` names it. What of the rest this walk cannot do
  leaves the deployment open, and is done again by whoever comes next.
  """

  use Bloom.Deployment.Step

  alias Bloom.{DurableFile, ErrorInterpreter, ReleaseHandler, ReleasesFile, Root}

  @impl true
  def name, do: :commit

  @impl true
  def run(%{root: root, version: version} = context) do
    with :ok <- ReleasesFile.make_permanent(root.path, version),
         :ok <- follow(root, version),
         do: {:ok, context}
  end

  @doc "Whether it has begun: one of the two files names the release that runs."
  @impl true
  def happened?(%{root: root, version: version}) do
    match?({:ok, %{version: ^version}}, ReleaseHandler.running()) and
      {:ok, version} in [ReleasesFile.permanent(root.path), ReleasesFile.listed_permanent(root.path)]
  end

  @impl true
  def undo(%{root: root}), do: ReleasesFile.make_permanent(root.path, root.running)

  # The release is committed, so nothing of this is a reason to go back.
  defp follow(root, version) do
    ReleasesFile.reload(root.path, version)
    put_release_variables(root.running, version)
    put_launcher(root, version)
  rescue
    exception -> {:incomplete, ErrorInterpreter.interpret(exception)}
  catch
    kind, reason -> {:incomplete, ErrorInterpreter.crash("the rest of the commit", kind, reason, __STACKTRACE__)}
  end

  # init:restart, which boots the permanent release in this same VM, has its configuration from where these say.
  defp put_release_variables(from, to) do
    for name <- ~w(RELEASE_SYS_CONFIG RELEASE_VM_ARGS RELEASE_REMOTE_VM_ARGS), value = System.get_env(name) do
      System.put_env(name, String.replace(value, "/releases/#{from}/", "/releases/#{to}/"))
    end
  end

  # The launcher of another Mix version, or an overlay in bin/, may differ from release to release.
  defp put_launcher(root, version) do
    own = Root.release_path(root, version, "bin")

    for name <- ls(own), File.regular?(Path.join(own, name)) do
      {from, to} = {Path.join(own, name), Path.join([root.path, "bin", name])}
      content = File.read!(from)

      if File.read(to) != {:ok, content},
        do: DurableFile.write!(to, content, Bitwise.band(File.stat!(from).mode, 0o777))
    end

    :ok
  end

  defp ls(dir) do
    case File.ls(dir) do
      {:ok, names} -> names
      {:error, :enoent} -> []
    end
  end
end

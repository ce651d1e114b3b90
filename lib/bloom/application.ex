defmodule Bloom.Application do
  @moduledoc """
  Starts Bloom.

  As an application of the release Bloom starts by itself. It may stand in a supervision tree as well, as the
  quick start shows; whoever comes second finds it running and is ignored.
  """

  use Application

  alias Bloom.{Config, Native, ReleasesFile, Root, SysConfig}

  @impl true
  def start(_type, _args) do
    with :ignore <- start_link([]), do: {:ok, Process.whereis(Bloom.Supervisor)}
  end

  @doc "The child spec for a supervision tree of the user's own."
  @spec child_spec(term()) :: Supervisor.child_spec()
  def child_spec(opts), do: %{id: __MODULE__, start: {__MODULE__, :start_link, [opts]}, type: :supervisor}

  @doc "Starts Bloom's supervisor, or ignores the request where it runs already."
  @spec start_link(term()) :: Supervisor.on_start() | :ignore
  def start_link(_opts) do
    Config.validate!()
    settle()

    case Bloom.Supervisor.start_link([]) do
      {:error, {:already_started, _pid}} -> :ignore
      started -> started
    end
  end

  # What an interrupted switch left behind, before anything can ask for the next one. Once in the life of the
  # VM: after a hot switch the boot script no longer tells what runs.
  defp settle do
    if Root.release?() and not :persistent_term.get({__MODULE__, :settled}, false) do
      SysConfig.restore_all(Root.path())
      Native.ok!(Native.archive_sweep(Root.path()))
      ReleasesFile.reconcile(Root.path())
      :persistent_term.put({__MODULE__, :settled}, true)
    end
  end
end

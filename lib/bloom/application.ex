defmodule Bloom.Application do
  @moduledoc """
  Starts Bloom.

  As an application of the release Bloom starts by itself. It may stand in a supervision tree as well, as the
  quick start shows; whoever comes second finds it running and is ignored.
  """

  use Application

  alias Bloom.{Config, Deployment, ErrorLog, Root}
  alias Bloom.Deployment.Recovery

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
    if Process.whereis(Bloom.Supervisor), do: :ignore, else: start()
  end

  # Only here, and in the rehearsal of a switch: a node that runs does not fall over what an upgrade has brought.
  defp start do
    Config.validate!()
    settle()

    case Bloom.Supervisor.start_link([]) do
      {:ok, supervisor} ->
        :ok = Deployment.await_settled()
        {:ok, supervisor}

      {:error, {:already_started, _pid}} ->
        :ignore

      error ->
        error
    end
  end

  # What an interrupted switch left, before anything can ask for the next one. What cannot be put in order is no reason
  # for the node not to serve; deployments are refused meanwhile.
  defp settle do
    with true <- Root.release?(), {:error, error} <- Recovery.settle_files() do
      ErrorLog.write(:error, "the node is not in order", error)
    end
  end
end

defmodule Bloom.Deployment.Driver do
  @moduledoc """
  The process that walks.

  It is linked to nobody, so it outlives the server that started it and whoever asked for the deployment, and ends with
  `{:done, result}` as its reason.
  """

  alias Bloom.Deployment.{Context, Recovery, Status, Walk}
  alias Bloom.{Config, Deployment, Error, Metadata, ReleaseHandler, Root}

  @doc "Starts it under this module's name and returns the monitor of the caller."
  @spec start((() -> term())) :: reference()
  def start(fun) do
    {_driver, ref} =
      :erlang.spawn_opt(
        fn ->
          Process.register(self(), __MODULE__)
          # A caller over RPC takes its group leader along when it goes.
          Process.group_leader(self(), Process.whereis(:init))
          finish(fun.())
        end,
        [:monitor]
      )

    ref
  end

  # The VM is about to end, and nothing else may begin.
  defp finish({:ok, :restarting} = answer) do
    Status.stage(:restarting)
    Deployment.answer(answer)
    receive(do: (:never -> :ok))
  end

  defp finish(result), do: exit({:done, result})

  @doc "A whole deployment; one that could not even write down its end comes first."
  @spec walk(Deployment.operation(), String.t(), keyword(), String.t(), map()) :: Walk.result()
  def walk(operation, version, opts, requested_by, watch) do
    with {:ok, unfinished} <- Recovery.unfinished(),
         :ok <- settle(unfinished),
         {:ok, root} <- root() do
      Walk.run(%Context{operation: operation, version: version, root: root, opts: opts, watch: watch}, requested_by)
    end
  end

  @doc "Something that must not run beside a deployment; one that could not even write down its end comes first."
  @spec alone(atom(), (Root.t() -> answer)) :: answer | {:error, Error.t()} | {:ok, :restarting} when answer: term()
  def alone(stage, fun) do
    with {:ok, unfinished} <- Recovery.unfinished(),
         :ok <- settle(unfinished, stage),
         {:ok, root} <- Root.fetch() do
      Status.stage(stage)
      fun.(root)
    end
  end

  @doc """
  Settles what was left before something else begins; an error says why that must not begin yet.

  A cleanup may where all that is missing is the end in the journal, or what took effect cannot be completed: room may be
  what it takes, and a cleanup spares both releases of what is open.
  """
  @spec settle(nil | {Context.t(), [map()]}, atom()) :: :ok | {:error, Error.t()} | {:ok, :restarting}
  def settle(unfinished, before \\ :deployment)
  def settle(nil, _before), do: :ok

  # Nobody waits for that one: what it answers on its way is not for whoever asked for this deployment.
  def settle({context, journal}, before) do
    case Recovery.settle({%{context | opts: Keyword.put(context.opts, :wait, :commit)}, journal}) do
      {:error, %Error{code: :take_back_failed} = error} ->
        {:error, error}

      {:error, %Error{code: :not_settled} = error} when before != :cleanup ->
        {:error, error}

      {:ok, :restarting} ->
        Deployment.answer({:error, settling(context)})
        {:ok, :restarting}

      # Taken back, most likely: that is what was wanted, and it stands in the history.
      _settled ->
        settled(context, before)
    end
  end

  # What is open when the next one begins would be settled after it, and might undo it.
  defp settled(%{id: id, root: root} = context, before) do
    case Metadata.unfinished_deployment() do
      {:ok, nil} -> :ok
      {:ok, %{id: ^id}} when before == :cleanup -> :ok
      {:ok, %{id: ^id}} -> {:error, end_not_written(context)}
      {:ok, earlier} -> settle({Context.from_journal(earlier, root), earlier.steps}, before)
      {:error, error} -> {:error, error}
    end
  end

  defp end_not_written(%{operation: operation, version: version}) do
    Error.new(
      :end_not_written,
      "#{operation} of release #{version} is settled, and its end cannot be written to the journal",
      suggestions: [
        "make room and the journal writable, see Bloom.Metadata.status(), then try again",
        "until then a cleanup is all that is let in"
      ]
    )
  end

  defp settling(context) do
    Error.new(:settling, "release #{context.version}, which was left unfinished, is taken back first, by a restart",
      suggestions: ["try again when the node is back"]
    )
  end

  defp root do
    if Config.get(:skip_file_checks), do: root_without_files(), else: Root.fetch()
  end

  defp root_without_files do
    case ReleaseHandler.running() do
      {:ok, %{name: name, version: version}} -> {:ok, %Root{path: "", name: name, running: version}}
      :error -> {:error, Error.no_running_release()}
    end
  end
end

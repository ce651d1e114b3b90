defmodule Bloom.SafetyMonitor.LogHandler do
  @moduledoc """
  The `:logger` handler that counts errors, in the process that logs them.

  Reports of `:proc_lib` and of supervisors are counted by a primary filter that lets everything pass: Elixir's
  Logger drops them by a filter of its own unless `handle_sasl_reports` is set, before any handler sees them.
  """

  alias Bloom.SafetyMonitor.{ErrorCounter, LogEvent}

  @doc "Puts handler and filter in place, where they are not."
  @spec attach(ErrorCounter.t()) :: :ok
  def attach(counter) do
    with {:error, _missing} <- :logger.get_handler_config(__MODULE__) do
      # Somebody else may have been faster.
      _added_or_there = :logger.add_handler(__MODULE__, __MODULE__, %{level: :error, config: %{counter: counter}})
    end

    %{filters: filters} = :logger.get_primary_config()

    if List.keymember?(filters, __MODULE__, 0) do
      :ok
    else
      :logger.set_primary_config(:filters, [{__MODULE__, {&__MODULE__.filter/2, counter}} | filters])
    end
  end

  @doc "Takes handler and filter away."
  @spec detach() :: :ok
  def detach do
    _removed_or_gone = :logger.remove_handler(__MODULE__)
    _removed_or_gone = :logger.remove_primary_filter(__MODULE__)
    :ok
  end

  @doc "Whether handler and filter are in place."
  @spec attached?() :: boolean()
  def attached? do
    __MODULE__ in :logger.get_handler_ids() and
      List.keymember?(:logger.get_primary_config().filters, __MODULE__, 0)
  end

  @doc false
  def log(event, handler) do
    # A handler that raises is removed.
    %{config: %{counter: counter}} = handler
    if not LogEvent.sasl?(event), do: count(event, counter)
    :ok
  catch
    _kind, _reason -> :ok
  end

  @doc false
  def filter(event, counter) do
    if LogEvent.sasl?(event), do: count(event, counter)
    :ignore
  catch
    _kind, _reason -> :ignore
  end

  defp count(event, counter) do
    case LogEvent.meaning(event) do
      :error -> ErrorCounter.add(counter, ErrorCounter.now())
      {:crash, pid} -> ErrorCounter.add_crash(counter, pid, ErrorCounter.now())
      :nothing -> :ok
    end
  end
end

defmodule Bloom.MigrationTracker.Answer do
  @moduledoc """
  Answers a question about migrations with the code and configuration of the VM that it runs in: in the VM beside the node
  that `Bloom.TargetVM` boots, or in a VM that runs no release. Part of the contract between versions of Bloom.
  """

  alias Bloom.{Config, ErrorInterpreter, Secrets}
  alias Bloom.MigrationTracker.Migrator

  @type action :: :survey | :run | :rollback

  @doc "Does what is asked; `hide` is told first what must not be shown. Without a library for migrations there are none."
  @spec answer(action(), Migrator.request(), ([String.t()] -> term())) :: {:ok, term()} | {:error, Migrator.failure()}
  def answer(action, request, hide) do
    case migrator() do
      nil -> {:ok, if(action == :survey, do: %{repos: [], migrations: []}, else: [])}
      migrator -> guarded(migrator, action, request, hide)
    end
  end

  defp migrator do
    cond do
      own = Config.get(:database_migrator) -> own
      Code.ensure_loaded?(Ecto.Migrator) -> Bloom.MigrationTracker.Ecto
      true -> nil
    end
  end

  defp guarded(migrator, action, request, hide) do
    secrets = migrator.secrets(request)
    hide.(secrets)

    try do
      with {:error, failure} <- apply(migrator, action, [request]), do: {:error, scrub(failure, secrets)}
    catch
      kind, reason -> {:error, scrub(crashed(ErrorInterpreter.how(kind, reason, __STACKTRACE__)), secrets)}
    end
  catch
    # A configuration that raises may show what was to be configured.
    kind, reason -> {:error, crashed("the configuration of its repos failed with #{name(kind, reason)}")}
  end

  defp name(:error, reason), do: inspect(Exception.normalize(:error, reason).__struct__)
  defp name(kind, _reason), do: inspect(kind)

  defp crashed(text) do
    %{code: :migration_failed, message: text, suggestions: ["fix it and build the release again"]}
  end

  defp scrub(failure, secrets), do: %{failure | message: Secrets.scrub(failure.message, secrets)}
end

defmodule Ecto.Repo do
  @moduledoc "A repo as far as Bloom and garden ask it: its configuration, its adapter, and queries."

  defmacro __using__(otp_app: otp_app, adapter: adapter) do
    quote do
      def config, do: [telemetry_prefix: [:garden, :repo], otp_app: unquote(otp_app), timeout: 15_000] ++ configured()
      def __adapter__, do: unquote(adapter)
      def query!(sql, parameters \\ []), do: %{rows: EctoSQL.Psql.query!(__MODULE__, sql, parameters)}
      defp configured, do: Application.get_env(unquote(otp_app), __MODULE__, [])
    end
  end
end

defmodule Ecto.Adapters.Postgres do
  @moduledoc false

  def storage_status(config) do
    case EctoSQL.Psql.psql(config, ["SELECT 1"]) do
      {_output, 0} -> :up
      {output, _status} -> if output =~ "does not exist", do: :down, else: {:error, output}
    end
  end
end

defmodule Postgrex do
  @moduledoc false

  def query!(:connection, sql, []), do: Process.put(__MODULE__, [sql | Process.get(__MODULE__)])
end

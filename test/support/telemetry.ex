defmodule Bloom.Test.Telemetry do
  @moduledoc "A stand-in for the application `:telemetry`, which is out of the suite's reach: one handler for everything."

  @doc "Starts it; every event is given to `handler`."
  @spec start(([atom()], map(), map() -> term())) :: :ok
  def start(handler) do
    :persistent_term.put(__MODULE__, handler)

    Code.compile_string("""
    defmodule :telemetry do
      def execute(event, measurements, metadata) do
        :persistent_term.get(Bloom.Test.Telemetry).(event, measurements, metadata)
      end
    end
    """)

    :ok = :application.load({:application, :telemetry, vsn: ~c"0", modules: [], registered: [], applications: []})
    :ok = Application.start(:telemetry)
  end

  @doc "Takes it away."
  @spec stop() :: :ok
  def stop do
    ExUnit.CaptureLog.capture_log(fn -> :ok = Application.stop(:telemetry) end)
    :ok = Application.unload(:telemetry)
    :code.purge(:telemetry)
    :code.delete(:telemetry)
    :persistent_term.erase(__MODULE__)
    :ok
  end
end

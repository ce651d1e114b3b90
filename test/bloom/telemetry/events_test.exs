defmodule Bloom.Telemetry.EventsTest do
  # Events are the node's.
  use ExUnit.Case, async: false

  alias Bloom.{Deployment, HealthChecker, SafetyMonitor, Telemetry}
  alias Bloom.Telemetry.Events
  alias Bloom.Test.ToldHandler

  doctest Bloom.Telemetry.Events

  @moduletag :capture_log

  setup do
    ToldHandler.setup()
    :ok = Telemetry.subscribe()
    on_exit(fn -> Telemetry.unsubscribe() end)
  end

  # Everything that there is to be told of: done, with a hook, crashed and taken back, killed, asked, watched.
  defp everything_happens do
    :ok = Deployment.run(:install, "1.1.0")
    Application.put_env(:bloom, :hooks, after: [{__MODULE__, :hook, []}])
    on_exit(fn -> Application.delete_env(:bloom, :hooks) end)
    :ok = Deployment.run(:switch, "1.1.0")
    ToldHandler.tell(fn -> raise "boom" end)
    {:error, _crashed} = Deployment.run(:install, "1.2.0")
    ToldHandler.tell(fn -> Process.exit(self(), :kill) end)
    {:error, _killed} = Deployment.run(:install, "1.3.0")
    HealthChecker.run_checks()
    {:ok, :idle} = Bloom.RPC.call(:status, [])
    {:ok, _ref} = SafetyMonitor.start(version: "1.1.0")
    assert_receive {:bloom_event, [:bloom, :safety_monitor, :reading], _measurements, _metadata} = reading, 5000
    SafetyMonitor.stop()
    [reading | received()]
  end

  def hook(_info), do: :ok

  defp received do
    receive do
      {:bloom_event, _event, _measurements, _metadata} = event -> [event | received()]
    after
      0 -> []
    end
  end

  test "every event is emitted, as it is registered, and no other" do
    told = for {_tag, event, measurements, metadata} <- everything_happens(), do: {event, measurements, metadata}
    emitted = told |> Enum.map(&elem(&1, 0)) |> Enum.uniq()
    assert Enum.sort(emitted) == Enum.sort(Events.names())

    for {event, measurements, metadata} <- told, registered = Enum.find(Events.all(), &(&1.event == event)) do
      assert keys(metadata) == Enum.sort(registered.metadata), inspect({event, metadata})
      assert Enum.all?(Map.values(measurements), &is_number/1)

      # The monitor leaves out what it does not know.
      if event == [:bloom, :safety_monitor, :reading],
        do: assert(keys(measurements) -- registered.measurements == []),
        else: assert(keys(measurements) == Enum.sort(registered.measurements))
    end
  end

  defp keys(map), do: map |> Map.keys() |> Enum.sort()

  test "the guide has all of them" do
    guide = File.read!("guides/telemetry.md")

    for %{event: event, measurements: measurements, metadata: metadata, doc: doc} <- Events.all() do
      row = "| `#{inspect(event)}` | #{code(measurements)} | #{code(metadata)} | #{doc} |"
      assert guide =~ row, "guides/telemetry.md lacks the row\n#{row}"
    end

    assert length(Regex.scan(~r/^\| `\[:bloom/m, guide)) == length(Events.all())
  end

  defp code(names), do: Enum.map_join(names, ", ", &"`#{&1}`")
end

for file <- ~w(show operation bad_days), do: Code.require_file("../../examples/demo/#{file}.exs", __DIR__)

defmodule Bloom.Integration.DemoTest do
  # Two of the demo's bad days by the demo's own code, one that costs nothing and one that costs the state.
  use Bloom.Test.ReleaseCase

  import ExUnit.CaptureIO

  alias Bloom.Test.Garden
  alias Demo.BadDays

  @moduletag restart: true
  @moduletag env: BadDays.env()

  test "a version that cannot take over the state, and a kill, end as the demo expects", %{node: node} do
    archives = Garden.archives(["1.3.0-raises", "1.1.0"])
    {days, _printed} = with_io(fn -> BadDays.run(node, archives, Map.keys(archives)) end)

    assert BadDays.failures(days) == []
    assert [%{expected: %{kind: :hot}} = hot, %{expected: %{kind: :crash}} = crash] = days
    assert hot.requests > 0 and hot.watered == hot.counted
    assert crash.failed > 0 and crash.counted < crash.watered and crash.silence_ms > 0
    assert capture_io(fn -> BadDays.show(days) end) =~ "longest time without an answer: #{crash.silence_ms} ms"
  end
end

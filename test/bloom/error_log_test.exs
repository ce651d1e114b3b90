defmodule Bloom.ErrorLogTest do
  # Changes options, and listens to the log.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  alias Bloom.{Error, ErrorLog}

  doctest ErrorLog

  @error Error.new(:disk_full, "no space left",
           details: %{reason: {:enospc, "/srv"}, crash: "** (RuntimeError)", output: "a\nb"},
           suggestions: ["free some", "or more"]
         )

  setup do
    on_exit(fn -> Application.delete_env(:bloom, :detailed_error_logging) end)
  end

  test "has code, what to do and details below the message" do
    log = capture_log(fn -> ErrorLog.write(:error, "it is undone", @error) end)

    assert log =~
             "Bloom: it is undone: no space left\n  code: disk_full\n  what to do: free some\n  what to do: or more"

    assert log =~ ~s(reason: {:enospc, "/srv"})
    assert log =~ "output: a\nb"
    refute log =~ "RuntimeError"
  end

  test "has them in its metadata, beside what the process had" do
    Logger.metadata(bloom_deployment: 7)

    log =
      capture_log([metadata: [:bloom_code, :bloom_suggestions, :bloom_deployment]], fn ->
        ErrorLog.write(:error, "it is undone", @error)
      end)

    assert log =~ "bloom_code=disk_full"
    assert log =~ "bloom_deployment=7"
  end

  test "has the message alone where details are not wanted" do
    Application.put_env(:bloom, :detailed_error_logging, false)
    log = capture_log([metadata: [:bloom_code]], fn -> ErrorLog.write(:error, "it is undone", @error) end)
    assert log =~ "Bloom: it is undone: no space left"
    refute log =~ "disk_full"
    refute log =~ "free some"
  end

  test "is bounded, whatever the details are" do
    error = %{
      @error
      | details: %{text: String.duplicate("x", 100_000), list: Enum.to_list(1..100_000), binary: <<0, 255>>}
    }

    assert String.length(ErrorLog.text("it is undone", error)) < 10_000
  end

  test "has no secrets" do
    error = %{@error | details: %{reason: {:call, "a-secret-of-the-deployment"}}}
    text = ErrorLog.text("it is undone", error, ["a-secret-of-the-deployment"])
    assert text =~ ~s(reason: {:call, "[hidden]"})
  end
end

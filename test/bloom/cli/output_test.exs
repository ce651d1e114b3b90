defmodule Bloom.CLI.OutputTest do
  use ExUnit.Case, async: true

  doctest Bloom.CLI.Output

  alias Bloom.CLI.Output

  defp output(fields \\ []) do
    {:ok, device} = StringIO.open("")
    {:ok, errors} = StringIO.open("")
    struct!(%Output{device: device, errors: errors}, fields)
  end

  defp written(device), do: device |> StringIO.contents() |> elem(1)

  @error %{code: :token_expired, message: "too late", suggestions: ["be earlier"]}

  test "lines for people; colours where they are wanted" do
    plain = output()
    assert Output.result(plain, "status", {:done, %{}, ["a", {:green, "b"}]}) == :done
    assert written(plain.device) == "a\nb\n"

    coloured = output(colour: true)
    Output.result(coloured, "status", {:unmet, %{}, [{:red, "b"}]})
    assert written(coloured.device) == "\e[31mb\e[0m\n"
  end

  test "errors go to the other device with what to do next, and end as their code says" do
    output = output()
    assert Output.result(output, "status", {:error, @error}) == :refused
    assert written(output.device) == ""
    assert written(output.errors) == "status: too late\n  -> be earlier\n"
  end

  test "JSON is one object a line, on one device, whatever happens" do
    output = output(json: true)
    Output.event(output, %{event: :away}, ["away"])
    Output.progress(output, %{event: :progress, stage: :switch}, "switching")
    assert Output.result(output, "deploy", {:error, @error, %{version: "1.2.3"}}) == :refused
    assert Output.result(output, "deploy", {:done, %{version: "1.2.3"}, ["done"]}) == :done
    assert written(output.errors) == ""

    assert written(output.device) == """
           {"event":"away"}
           {"event":"progress","stage":"switch"}
           {"command":"deploy","data":{"version":"1.2.3"},"error":{"code":"token_expired","message":"too late","suggestions":["be earlier"]},"event":"result","exit_code":5,"ok":false}
           {"command":"deploy","data":{"version":"1.2.3"},"event":"result","exit_code":0,"ok":true}
           """
  end

  test "how far something is: in one line of a terminal, nowhere else" do
    terminal = output(terminal: true)
    Output.progress(terminal, %{}, String.duplicate("x", 100))
    Output.event(terminal, %{}, ["next"])
    assert written(terminal.device) == "\r\e[K" <> String.duplicate("x", 79) <> "\r\e[Knext\n"

    pipe = output()
    Output.progress(pipe, %{}, "1 %")
    assert written(pipe.device) == ""
  end

  test "what a node says does nothing to a terminal" do
    output = output()
    Output.result(output, "status", {:done, %{}, ["red \e[31m\a", "two\nlines"]})
    assert written(output.device) == "red ?[31m?\ntwo\nlines\n"
  end

  test "colours are for terminals that have them, unless NO_COLOR is set" do
    for {environment, colour} <- [
          {%{"BLOOM_TERMINAL" => "yes"}, true},
          {%{"BLOOM_TERMINAL" => "yes", "NO_COLOR" => ""}, true},
          {%{"BLOOM_TERMINAL" => "yes", "NO_COLOR" => "1"}, false},
          {%{"BLOOM_TERMINAL" => "yes", "TERM" => "dumb"}, false},
          {%{"BLOOM_TERMINAL" => "no"}, false},
          {%{}, false}
        ],
        do: assert(Output.new(environment).colour == colour)
  end
end

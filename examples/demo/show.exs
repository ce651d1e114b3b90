defmodule Demo.Show do
  # What the demo prints: a line for each step, with a progress bar on a terminal, and tables.

  @doc "Runs `fun` as a step with a title; `progress` says how far it is, as {share, word}."
  def step(title, fun, progress \\ fn -> {0, "working"} end) do
    started = System.monotonic_time(:millisecond)
    ticker = if terminal?(), do: spawn_link(fn -> tick(title, progress) end)
    result = fun.()
    if ticker, do: stop_ticker(ticker)
    elapsed = System.monotonic_time(:millisecond) - started
    IO.puts("#{String.pad_trailing(title, 40)} #{verdict(result)} (#{elapsed} ms)")
    result
  end

  defp verdict({:error, why}) when is_binary(why), do: "no: #{why |> String.split("\n") |> hd()}"
  defp verdict({:error, why}), do: "failed: #{inspect(why)}"
  defp verdict(_done), do: "done"

  defp tick(title, progress) do
    {share, word} = progress.()
    done = round(share * 24)
    bar = String.duplicate("#", done) <> String.duplicate(".", 24 - done)
    IO.write("\r\e[K#{String.pad_trailing(title, 40)} [#{bar}] #{word}")

    receive do
      {:stop, from} -> send(from, :stopped)
    after
      50 -> tick(title, progress)
    end
  end

  defp stop_ticker(ticker) do
    send(ticker, {:stop, self()})
    receive(do: (:stopped -> IO.write("\r\e[K")))
  end

  defp terminal?, do: match?({:ok, _columns}, :io.columns())

  @doc "What a plan decided, and how each module comes in."
  def plan({:ok, plan}) do
    IO.puts("    decided: #{plan.decision}#{if plan.reasons != [], do: ", because " <> Bloom.Plan.explain(plan)}")

    for app <- plan.applications, app.change != :unchanged do
      modules = Enum.map_join(app.modules, ", ", fn module -> "#{short(module.name)} #{how(module)}" end)
      IO.puts("    #{app.name} #{app.from_version} -> #{app.to_version}: #{modules}")
    end

    if plan.protocols != [], do: IO.puts("    protocols swapped: #{Enum.map_join(plan.protocols, ", ", &short/1)}")
  end

  def plan({:error, message}), do: IO.puts("    no plan: #{message}")

  defp short(module), do: String.replace_prefix(module, "Elixir.", "")

  defp how(%{change: :changed, load: :update}), do: "changes its state"
  defp how(%{change: :changed, load: :supervisor}), do: "compares its children"
  defp how(%{change: :changed}), do: "is loaded"
  defp how(%{change: change}), do: "is #{change}"

  @doc "A table of names and values."
  def table(rows) do
    IO.puts("")
    for {name, value} <- rows, do: IO.puts("#{String.pad_trailing(name, 32)} #{value}")
  end

  @doc "One JSON object, for machines."
  def json(fields) do
    "{#{fields |> Enum.sort() |> Enum.map_join(", ", fn {key, value} -> ~s("#{key}": #{json_value(value)}) end)}}"
  end

  defp json_value(text) when is_binary(text), do: inspect(text)
  defp json_value(value), do: to_string(value)
end

defmodule Bench.Measure do
  @moduledoc "Medians, tables, and what machine this is."

  @doc "Runs each of the functions `runs` times, in turn, so that a drift of the machine meets all; milliseconds."
  def in_turn(functions, runs \\ 5) do
    for({_name, fun} <- functions, do: fun.())

    1..runs
    |> Enum.flat_map(fn _run -> for {name, fun} <- functions, do: {name, time(fun)} end)
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Map.new(fn {name, times} -> {name, median(times)} end)
  end

  def time(fun) do
    {microseconds, _result} = :timer.tc(fun)
    microseconds / 1000
  end

  def median(values), do: values |> Enum.sort() |> Enum.at(div(length(values), 2))

  def ms(value), do: "#{:erlang.float_to_binary(value / 1, decimals: 1)} ms"
  def ratio(a, b), do: :erlang.float_to_binary(a / b, decimals: 2)
  def mib(bytes), do: "#{:erlang.float_to_binary(bytes / 1_048_576, decimals: 1)} MiB"

  def table(header, rows) do
    line = fn cells -> ["| ", Enum.intersperse(cells, " | "), " |\n"] end
    [line.(header), line.(Enum.map(header, fn _ -> "---" end)), Enum.map(rows, line), "\n"]
  end

  @doc "The most memory a process of the operating system has used since `reset_peak/1`, and now, in bytes."
  def peak(os_pid), do: status(os_pid, "VmHWM")
  def resident(os_pid), do: status(os_pid, "VmRSS")
  def reset_peak(os_pid), do: File.write!("/proc/#{os_pid}/clear_refs", "5")

  defp status(os_pid, field) do
    [_, kilobytes] = Regex.run(~r/#{field}:\s+(\d+) kB/, File.read!("/proc/#{os_pid}/status"))
    String.to_integer(kilobytes) * 1024
  end

  def header do
    {rustc, 0} = System.cmd("rustc", ["--version"])
    cpu = Regex.run(~r/model name\s*: (.*)/, File.read!("/proc/cpuinfo"))

    """
    # Results

    Written by `bin/bench` on #{Date.utc_today()}. Elixir #{System.version()}, Erlang/OTP #{System.otp_release()} \
    (erts #{:erlang.system_info(:version)}), #{String.trim(rustc)}, #{System.schedulers_online()} cores of \
    #{(cpu && Enum.at(cpu, 1)) || "an unnamed processor"}, Linux.

    Both sides of a row ran in turn in one run; figures are medians. The machine is shared and noisy, so only ratios
    that are far from 1 mean anything.

    """
  end
end

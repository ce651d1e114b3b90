defmodule Bloom.TargetVM do
  @moduledoc """
  Runs questions about a staged release in a VM of that release's own code, beside the node.

  The VM boots the release's `start_clean` script and is configured as the release would be, config providers
  included, but starts none of its applications and has no distribution. `Bloom.Rehearsal` answers
  in there. It ends with the question, at the time limit, or when the node ends.
  """

  alias Bloom.{Config, Error, Secrets}

  # env.sh may set what runtime.exs reads. exec, so that the port's OS pid is the VM's.
  @script ~S"""
  set -e
  . "$REL_VSN_DIR/env.sh"
  export RELEASE_DISTRIBUTION=none
  exec nice -n "$BLOOM_NICENESS" "$RELEASE_ROOT/erts-$BLOOM_ERTS/bin/erl" +S 1:1 +sbwt none -noshell \
    -boot "$REL_VSN_DIR/start_clean" -boot_var RELEASE_LIB "$RELEASE_ROOT/lib" "$@" \
    -s Elixir.Bloom.Rehearsal main
  """

  @typedoc """
  `timeout_ms` is how long the VM may take, by default `rehearsal_timeout_ms`; `niceness` its priority, by default the lowest, 19; `tell`
  is called with each line that it prints, without the secrets that it named.
  """
  @type option :: {:timeout_ms, pos_integer()} | {:niceness, 0..19} | {:tell, (String.t() -> term())}

  @doc """
  Asks the release `vsn` under `root` and returns its answer.

  See `Bloom.Rehearsal` for questions and answers. An error carries the last lines that the VM printed.
  """
  @spec ask(Path.t(), String.t(), map(), [option()]) :: {:ok, map()} | {:error, Error.t()}
  def ask(root, vsn, question, opts \\ []) do
    dir = Path.join([root, "releases", ".rehearsal-#{vsn}-#{System.unique_integer([:positive])}"])

    try do
      File.mkdir_p!(dir)
      File.chmod!(dir, 0o700)
      File.write!(Path.join(dir, "question"), :erlang.term_to_binary(question))

      with {:ok, erts} <- erts_version(root, vsn),
           {:ok, output} <- run(root, vsn, erts, dir, opts) do
        answer(Path.join(dir, "answer"), vsn, output)
      end
    after
      File.rm_rf!(dir)
    end
  end

  defp erts_version(root, vsn) do
    case Path.wildcard(Path.join([root, "releases", vsn, "*.rel"])) do
      [rel | _] ->
        {:ok, [{:release, _name, {:erts, erts}, _apps}]} = :file.consult(rel)
        {:ok, to_string(erts)}

      [] ->
        {:error, Error.new(:no_rel_file, "release #{vsn} has no .rel file: install its archive again")}
    end
  end

  defp run(root, vsn, erts, dir, opts) do
    vsn_dir = Path.join([root, "releases", vsn])

    port =
      Port.open({:spawn_executable, "/bin/sh"}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        :hide,
        args: ["-c", @script, "sh" | flags()],
        cd: dir,
        env:
          for {name, value} <- [
                {"RELEASE_ROOT", root},
                {"RELEASE_VSN", vsn},
                {"RELEASE_COMMAND", "eval"},
                {"RELEASE_MODE", "interactive"},
                {"REL_VSN_DIR", vsn_dir},
                {"RELEASE_SYS_CONFIG", Path.join(vsn_dir, "sys")},
                {"BLOOM_ERTS", erts},
                {"BLOOM_NICENESS", opts |> Keyword.get(:niceness, 19) |> Integer.to_string()},
                {"BLOOM_REHEARSAL", dir},
                {"ERL_CRASH_DUMP_SECONDS", "0"},
                {"HEART_COMMAND", false}
              ] do
            {to_charlist(name), value && to_charlist(value)}
          end
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    timeout = Keyword.get(opts, :timeout_ms, Config.get(:rehearsal_timeout_ms))
    deadline = System.monotonic_time(:millisecond) + timeout
    tell = Keyword.get(opts, :tell, fn _line -> :ok end)
    vm = %{port: port, os_pid: os_pid, vsn: vsn, dir: dir, timeout: timeout, deadline: deadline, tell: tell}
    collect(vm, "", [])
  end

  # What this VM's vm.args gives applications, as the environment does not bring it. Nothing for kernel and stdlib, which
  # start in that VM as well: it is not to write this node's log file or take its ports.
  defp flags do
    apps = for {app, _description, _vsn} <- Application.loaded_applications(), app not in [:kernel, :stdlib], do: app
    for {app, values} <- :init.get_arguments(), app in apps, flag <- ["-#{app}" | values], do: to_string(flag)
  end

  # What it has printed: the rest of a line, and whole lines, latest first.
  defp collect(%{port: port} = vm, rest, lines) do
    receive do
      {^port, {:data, data}} ->
        {more, [rest]} = (rest <> data) |> String.split("\n") |> Enum.split(-1)
        more = Enum.map(more, &shown(&1, vm))
        Enum.each(more, vm.tell)
        collect(vm, rest, Enum.reverse(more, lines))

      {^port, {:exit_status, 0}} ->
        {:ok, output(rest, lines, vm)}

      {^port, {:exit_status, status}} ->
        {:error, failed(vm.vsn, "ended with status #{status}", output(rest, lines, vm))}
    after
      max(vm.deadline - System.monotonic_time(:millisecond), 0) ->
        System.cmd("kill", ["-KILL", to_string(vm.os_pid)])
        Port.close(port)
        {:error, failed(vm.vsn, "did not answer in #{vm.timeout} ms", output(rest, lines, vm))}
    end
  end

  defp output(rest, lines, vm), do: [shown(rest, vm) | lines] |> Enum.reverse() |> Enum.join("\n")

  defp shown(text, vm), do: vm.dir |> Path.join("secrets") |> Secrets.read() |> then(&Secrets.scrub(text, &1))

  defp answer(file, vsn, output) do
    with {:ok, binary} <- File.read(file),
         {:ok, answer} <- :erlang.binary_to_term(binary) do
      {:ok, answer}
    else
      {:error, text} when is_binary(text) -> {:error, failed(vsn, "could not be configured", text)}
      {:error, _posix} -> {:error, failed(vsn, "gave no answer", output)}
    end
  end

  defp failed(vsn, what, output) do
    Error.new(:target_vm_failed, "a VM with the code and configuration of release #{vsn} #{what}#{tail(output)}",
      suggestions: ["fix what it printed and build the release again; the running release is untouched"]
    )
  end

  defp tail(output) do
    lines = output |> String.split("\n", trim: true) |> Enum.take(20)
    if lines == [], do: "", else: ":\n" <> Enum.join(lines, "\n")
  end
end

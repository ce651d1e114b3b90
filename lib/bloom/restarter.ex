defmodule Bloom.Restarter do
  @moduledoc """
  What starts the node again when it ends: without it a restart would be a stop.

  In this order: what the option `restarted_by` declares, heart, systemd. A container's restart policy cannot be seen
  from inside and has to be declared.
  """

  alias Bloom.{Config, Error, Root}
  alias Bloom.Release.BootGuard

  @typedoc "`status` is the exit status with which the VM has to end to be started again."
  @type t :: %{by: :declared | :heart | :systemd, what: String.t(), status: non_neg_integer()}

  @doc "Finds out what starts the node again. `cgroup` is the file that says which unit of systemd this VM is."
  @spec detect(Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def detect(cgroup \\ "/proc/self/cgroup") do
    cond do
      what = Config.get(:restarted_by) -> {:ok, %{by: :declared, what: what, status: 0}}
      heart?() -> heart(System.get_env("BLOOM_BOOT"))
      found = systemd_unit(cgroup) -> ask_systemd(found)
      true -> {:error, nothing("nothing is known that starts the node again when it ends")}
    end
  end

  @doc """
  Whether it also starts the node again that ran the release in `target`, given as `releases/VSN` like the one in `running`.

  heart comes and goes with a line of the release's `vm.args`.
  """
  @spec follows(t(), Path.t(), Path.t()) :: :ok | {:error, Error.t()}
  def follows(%{by: :heart}, running, target) do
    if heart_line?(running) and not heart_line?(target) do
      {:error,
       Error.new(:no_restarter, "its vm.args has no -heart, so nothing would start the node again after its trial",
         suggestions: [
           "put -heart into rel/vm.args.eex, or have something else start the node and declare restarted_by"
         ]
       )}
    else
      :ok
    end
  end

  def follows(_restarter, _running, _target), do: :ok

  defp heart_line?(release) do
    case File.read(Path.join(release, "vm.args")) do
      {:ok, arguments} -> arguments =~ ~r/^[^#\n]*(?<!\S)-heart(\s|$)/m
      {:error, _unreadable} -> false
    end
  end

  @doc """
  Ends the VM, in order, so that it is started again.

  Returns at once; the applications are being stopped then. A VM that has not ended after `restart_stop_timeout_ms`
  ends itself at once, and one that cannot even do that is killed from outside a little later.
  """
  @spec restart(t()) :: :ok
  def restart(%{by: by, status: status}) do
    timeout = Config.get(:restart_stop_timeout_ms)
    # May fail, and nothing may end the VM then.
    kill_later(div(timeout, 1000) + 2)
    halt_later(timeout, status)
    if by == :heart, do: :init.reboot(), else: :init.stop(status)
  end

  @doc """
  What systemd says of a unit's `Restart=` setting.

  A trial may end in any way, so a setting that counts some ends only, such as `on-success`, will not do.

      iex> {:ok, restarter} = Bloom.Restarter.systemd("garden.service", "always")
      iex> {restarter.by, restarter.status}
      {:systemd, 0}
      iex> {:ok, restarter} = Bloom.Restarter.systemd("garden.service", "on-failure")
      iex> restarter.status
      1
      iex> {:error, error} = Bloom.Restarter.systemd("garden.service", "no")
      iex> error.message
      "systemd does not start garden.service again when it ends (Restart=no)"
      iex> {:error, error} = Bloom.Restarter.systemd("garden.service", "on-success")
      iex> error.message
      "systemd starts garden.service again only after some of its ends (Restart=on-success)"
  """
  @spec systemd(String.t(), String.t()) :: {:ok, t()} | {:error, Error.t()}
  def systemd(unit, "always"), do: {:ok, %{by: :systemd, what: unit, status: 0}}
  def systemd(unit, "on-failure"), do: {:ok, %{by: :systemd, what: unit, status: 1}}

  def systemd(unit, "no"), do: {:error, nothing("systemd does not start #{unit} again when it ends (Restart=no)")}

  def systemd(unit, other) do
    {:error, nothing("systemd starts #{unit} again only after some of its ends (Restart=#{other})")}
  end

  @doc """
  The systemd unit in the text of `/proc/self/cgroup`, with the manager whose it is.

      iex> Bloom.Restarter.unit("0::/system.slice/garden.service\\n")
      {"--system", "garden.service"}
      iex> Bloom.Restarter.unit("0::/user.slice/user-1000.slice/user@1000.service/app.slice/garden.service\\n")
      {"--user", "garden.service"}
      iex> Bloom.Restarter.unit("0::/user.slice/user-1000.slice/user@1000.service/app.slice/shell.scope\\n")
      nil
  """
  @spec unit(String.t()) :: {String.t(), String.t()} | nil
  def unit(cgroup) do
    {managers, names} =
      cgroup |> String.split(["/", "\n"], trim: true) |> Enum.split_with(&String.starts_with?(&1, "user@"))

    with unit when is_binary(unit) <- names |> Enum.reverse() |> Enum.find(&String.ends_with?(&1, ".service")) do
      {if(managers == [], do: "--system", else: "--user"), unit}
    end
  end

  defp heart?, do: Process.whereis(:heart) != nil and System.get_env("HEART_COMMAND", "") != ""

  # The boot guard says so in BLOOM_BOOT, and has what heart starts boot the release that is due.
  defp heart(nil) do
    {:error,
     nothing(
       "heart would start this same release again (this VM was started without the boot guard), not the one that is due"
     )}
  end

  defp heart(_boot), do: {:ok, %{by: :heart, what: "heart", status: 0}}

  defp systemd_unit(cgroup) do
    with id when is_binary(id) <- System.get_env("INVOCATION_ID"), {:ok, cgroup} <- File.read(cgroup) do
      unit(cgroup)
    else
      _no_systemd -> nil
    end
  end

  defp ask_systemd({manager, unit}) do
    case System.cmd("systemctl", [manager, "show", "--property=Restart", "--value", unit], stderr_to_stdout: true) do
      {output, 0} -> systemd(unit, String.trim(output))
      {output, _status} -> {:error, unknown(unit, String.trim(output))}
    end
  rescue
    error in ErlangError -> {:error, unknown(unit, error.original)}
  end

  defp unknown(unit, why) do
    nothing("whether systemd starts #{unit} again when it ends cannot be found out (systemctl: #{why})")
  end

  # Of no application, as those take their processes with them when they stop. The first process of a container cannot
  # be killed from inside, so it has to do it itself.
  defp halt_later(timeout, status) do
    spawn(fn ->
      Process.group_leader(self(), Process.whereis(:init))
      receive(after: (timeout -> :erlang.halt(status, flush: false)))
    end)
  end

  defp kill_later(seconds) do
    script = BootGuard.watchdog(Path.join([Root.path(), "releases", System.fetch_env!("RELEASE_VSN")]))

    {_output, 0} =
      System.cmd("/bin/sh", [
        "-c",
        ~S(sh "$0" "$1" "$2" </dev/null >/dev/null 2>&1 &),
        script,
        System.pid(),
        "#{seconds}"
      ])

    :ok
  end

  defp nothing(message) do
    Error.new(:no_restarter, message,
      suggestions: [
        "set Restart=always in the systemd unit, run with heart, or declare config :bloom, restarted_by: \"…\""
      ]
    )
  end
end

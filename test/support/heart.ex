defmodule Bloom.Test.Heart do
  @moduledoc """
  A node that heart starts again. What heart starts is no child of the test, so it is found by its root.
  """

  alias Bloom.Test.{HTTP, Node}

  @timeout_ms 60_000

  @doc "The environment with which a release in a root is started under heart, which starts it with a launcher's command."
  @spec env(Path.t(), String.t()) :: [{String.t(), String.t()}]
  def env(root, command) do
    [
      {"ELIXIR_ERL_OPTIONS", "-heart"},
      # The shortest that heart takes.
      {"HEART_BEAT_TIMEOUT", "11"},
      {"HEART_COMMAND", "#{root}/bin/garden #{command} >>#{root}/heart.log 2>&1"}
    ]
  end

  @doc "Does something that ends the VM, and waits until another one serves."
  @spec restarted(Node.t(), (() -> result)) :: result when result: var
  def restarted(node, fun) do
    before = vms(node.root)
    result = fun.()
    :ok = await(node, before, System.monotonic_time(:millisecond) + @timeout_ms)
    result
  end

  @doc "Kills the VM."
  @spec kill(Node.t()) :: :ok
  def kill(node), do: node.root |> vms() |> Enum.each(&signal(&1, "KILL"))

  @doc "Stops the VM where it stands: it is there, and does nothing any more."
  @spec freeze(Node.t()) :: :ok
  def freeze(node), do: node.root |> vms() |> Enum.each(&signal(&1, "STOP"))

  @doc "Ends heart, and then the VM of a root, and waits until they are gone."
  @spec stop(Path.t()) :: :ok
  def stop(root) do
    with [] <- processes(root, "heart"), [] <- vms(root) do
      :ok
    else
      left ->
        Enum.each(left, &signal(&1, "KILL"))
        receive(after: (20 -> stop(root)))
    end
  end

  defp await(node, before, deadline) do
    cond do
      vms(node.root) -- before != [] and match?({:ok, 200, _body}, HTTP.get(node.http_port, "/version")) -> :ok
      System.monotonic_time(:millisecond) > deadline -> {:error, log(node.root)}
      true -> receive(after: (50 -> await(node, before, deadline)))
    end
  end

  defp log(root) do
    case File.read(Path.join(root, "heart.log")) do
      {:ok, log} -> log
      {:error, :enoent} -> "heart has started nothing"
    end
  end

  defp vms(root), do: processes(root, "beam.smp")

  # One that ends meanwhile is none.
  defp processes(root, name) do
    for dir <- Path.wildcard("/proc/[0-9]*"),
        {:ok, comm} <- [File.read(Path.join(dir, "comm"))],
        String.trim(comm) == name,
        {:ok, environ} <- [File.read(Path.join(dir, "environ"))],
        "RELEASE_ROOT=#{root}" in String.split(environ, "\0"),
        do: Path.basename(dir)
  end

  defp signal(pid, name), do: System.cmd("kill", ["-#{name}", pid], stderr_to_stdout: true)
end

defmodule Bloom.UpgradeCase.Distribution do
  @moduledoc """
  Makes the VM that runs the tests a second node, from which releases are driven.

  Everything is on loopback, unless that VM is distributed already: then the releases get names of its kind.
  """

  @loopback "127.0.0.1"
  @timeout_ms 30_000

  @doc "Makes this VM a distributed node, with an epmd to go with it, once."
  @spec ensure() :: :ok
  def ensure do
    if Node.alive?() do
      :ok
    else
      System.put_env("ERL_EPMD_ADDRESS", @loopback)
      {_output, 0} = System.cmd("epmd", ["-daemon"])
      :ok = await_epmd(System.monotonic_time(:millisecond) + @timeout_ms)
      Application.put_env(:kernel, :inet_dist_use_interface, {127, 0, 0, 1})
      # Hidden, as its nodes would all connect to each other otherwise.
      options = %{name_domain: :longnames, hidden: true}

      # Another test that runs beside this one may have been first.
      case :net_kernel.start(:"bloom-#{System.pid()}@#{@loopback}", options) do
        {:ok, _pid} -> :ok
        {:error, {:already_started, _pid}} -> :ok
      end
    end
  end

  @doc """
  A new name for a node of a release, on the host of this one, and the environment that a release needs for it.

      iex> {name, _env} = Bloom.UpgradeCase.Distribution.name("garden", :"tests@127.0.0.1")
      iex> Atom.to_string(name) =~ ~r/^garden-\\d+-\\d+@127\\.0\\.0\\.1$/
      true
      iex> {_name, env} = Bloom.UpgradeCase.Distribution.name("garden", :tests@machine)
      iex> List.keyfind(env, "RELEASE_DISTRIBUTION", 0)
      {"RELEASE_DISTRIBUTION", "sname"}
  """
  @spec name(String.t(), node()) :: {node(), [{String.t(), String.t()}]}
  def name(release, beside \\ node()) do
    [_own, host] = beside |> Atom.to_string() |> String.split("@")
    name = :"#{release}-#{System.pid()}-#{System.unique_integer([:positive])}@#{host}"
    domain = if String.contains?(host, "."), do: "name", else: "sname"
    {name, [{"RELEASE_NODE", Atom.to_string(name)}, {"RELEASE_DISTRIBUTION", domain} | loopback(host)]}
  end

  defp loopback(@loopback), do: [{"ERL_EPMD_ADDRESS", @loopback}]
  defp loopback(_host), do: []

  @doc "The flags of the VM that keep a node of this name to loopback, where its host is that."
  @spec flags(node()) :: String.t()
  def flags(name) do
    if name |> Atom.to_string() |> String.ends_with?("@" <> @loopback),
      do: "-kernel inet_dist_use_interface {127,0,0,1}",
      else: ""
  end

  @doc "A port on which nobody listens."
  @spec free_port() :: :inet.port_number()
  def free_port do
    # Below the range from which the kernel gives ports to clients, one of which could take it meanwhile.
    port = Enum.random(15_000..30_000)

    case :gen_tcp.listen(port, ip: {127, 0, 0, 1}, reuseaddr: true) do
      {:ok, socket} ->
        :gen_tcp.close(socket)
        port

      {:error, :eaddrinuse} ->
        free_port()
    end
  end

  # It says that it has started before it listens.
  defp await_epmd(deadline) do
    cond do
      match?({:ok, _names}, :erl_epmd.names({127, 0, 0, 1})) -> :ok
      System.monotonic_time(:millisecond) > deadline -> {:error, "epmd does not answer on loopback"}
      true -> receive(after: (20 -> await_epmd(deadline)))
    end
  end
end

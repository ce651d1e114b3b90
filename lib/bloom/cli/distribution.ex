defmodule Bloom.CLI.Distribution do
  @moduledoc """
  Makes the client's VM a hidden node that can connect to the node of the release.

  It is told by the environment that the release's own scripts use: `RELEASE_NODE`, `RELEASE_DISTRIBUTION` and
  `RELEASE_COOKIE`. The cookie is thus in no list of processes.
  """

  alias Bloom.CLI.{Output, Remote}

  @domains %{"name" => :longnames, "sname" => :shortnames}

  @doc "Starts the distribution and connects; the node that it is connected to."
  @spec connect(%{String.t() => String.t()}) :: {:ok, node()} | {:error, Output.error()}
  def connect(environment) do
    name = environment["RELEASE_NODE"] || ""

    with {:ok, domain} <- domain(environment["RELEASE_DISTRIBUTION"]),
         :ok <- start(name, domain) do
      node = full(name)
      if cookie = environment["RELEASE_COOKIE"], do: Node.set_cookie(node, String.to_atom(cookie))
      if Node.connect(node) == true, do: {:ok, node}, else: {:error, Remote.unreachable(node)}
    end
  end

  defp domain(distribution) when is_map_key(@domains, distribution), do: {:ok, @domains[distribution]}

  defp domain("none") do
    {:error, unusable("the node is not distributed (RELEASE_DISTRIBUTION=none)", "set it to name or sname in env.sh")}
  end

  defp domain(other), do: {:error, unusable("RELEASE_DISTRIBUTION is #{other}", "set it to name or sname")}

  # One that was started with a name of its own, by its vm.args, keeps it.
  defp start(name, domain) do
    if Node.alive?(), do: :ok, else: start_as("bloom-#{:rand.uniform(1_000_000_000)}-#{name}", domain)
  end

  # Nobody has to reach it, so it listens nowhere and registers nowhere.
  defp start_as(name, domain) do
    case :net_kernel.start(String.to_atom(name), %{name_domain: domain, hidden: true, dist_listen: false}) do
      {:ok, _pid} ->
        :ok

      {:error, _reason} ->
        {:error, unusable("this VM could not become the node #{name}", "see whether RELEASE_NODE is a node's name")}
    end
  end

  # As the release's own scripts have it: without a host it is this one.
  defp full(name) do
    if String.contains?(name, "@"), do: String.to_atom(name), else: :"#{name}@#{host()}"
  end

  defp host, do: node() |> Atom.to_string() |> String.split("@") |> List.last()

  defp unusable(message, suggestion), do: %{code: :unreachable, message: message, suggestions: [suggestion]}
end

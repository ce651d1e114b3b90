defmodule Bloom.Remote.Target do
  @moduledoc "Where a release is deployed: a directory on this machine, or on another one that ssh reaches."

  @enforce_keys [:root]
  defstruct [:root, :host]

  @typedoc "`root` is the release's root directory, `host` what ssh is told, or nil for this machine."
  @type t :: %__MODULE__{root: Path.t(), host: String.t() | nil}

  # ssh takes what begins with a hyphen for an option, and some options run commands.
  @host ~r/\A(?:[a-z0-9_][a-z0-9._-]*@)?(?:[a-z0-9_][a-z0-9._-]*|\[[0-9a-f:.]+(?:%[a-z0-9._-]+)?\])\z/i

  @doc """
  Reads a target.

      iex> Bloom.Remote.Target.parse("deploy@example.com:/opt/my_app/")
      {:ok, %Bloom.Remote.Target{host: "deploy@example.com", root: "/opt/my_app"}}
      iex> Bloom.Remote.Target.parse("root@[::1]:/opt/my_app")
      {:ok, %Bloom.Remote.Target{host: "root@::1", root: "/opt/my_app"}}
      iex> Bloom.Remote.Target.parse("/opt/my_app")
      {:ok, %Bloom.Remote.Target{host: nil, root: "/opt/my_app"}}
      iex> {:error, message} = Bloom.Remote.Target.parse("example.com")
      iex> message
      "expected a target like user@host:/opt/my_app or /opt/my_app, got example.com"
  """
  @spec parse(String.t()) :: {:ok, t()} | {:error, String.t()}
  def parse(text) do
    cond do
      not String.valid?(text) or text =~ ~r/[[:cntrl:]]/u -> unknown(inspect(text))
      text =~ ~r"\A\.{0,2}/" or text in [".", ".."] -> {:ok, %__MODULE__{root: Path.expand(text)}}
      true -> remote(text)
    end
  end

  defp remote(text) do
    with [host, "/" <> _ = root] <- String.split(text, ~r"(?<!\[|:):(?=/)", parts: 2),
         true <- host =~ @host do
      {:ok, %__MODULE__{host: String.replace(host, ["[", "]"], ""), root: trimmed(root)}}
    else
      _unknown -> unknown(text)
    end
  end

  defp trimmed("/"), do: "/"
  defp trimmed(root), do: String.trim_trailing(root, "/")

  defp unknown(text), do: {:error, "expected a target like user@host:/opt/my_app or /opt/my_app, got #{text}"}
end

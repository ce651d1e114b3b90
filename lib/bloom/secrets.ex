defmodule Bloom.Secrets do
  @moduledoc "Takes secrets out of what is shown."

  # Shorter ones would take ordinary words apart.
  @shortest 3

  @doc """
  The secrets in a repo's configuration: its password, and its URL with the password as written there.

      iex> Bloom.Secrets.of(url: "ecto://garden:se%20cret@localhost/garden")
      ["ecto://garden:se%20cret@localhost/garden", "se%20cret", "se cret"]
      iex> Bloom.Secrets.of(database: "garden", password: "secret")
      ["secret"]
  """
  @spec of(keyword()) :: [String.t()]
  def of(config) do
    [config[:password] | of_url(config[:url])]
    |> Enum.filter(&(is_binary(&1) and byte_size(&1) >= @shortest))
    |> Enum.uniq()
    |> Enum.sort_by(&byte_size/1, :desc)
  end

  defp of_url(url) when is_binary(url) do
    with %URI{userinfo: userinfo} when is_binary(userinfo) <- URI.parse(url),
         [_user, password] <- String.split(userinfo, ":", parts: 2) do
      [url, password, URI.decode(password)]
    else
      _no_password -> []
    end
  end

  defp of_url(_none), do: []

  @doc """
  A text without them.

      iex> Bloom.Secrets.scrub("password=secret", ["secret"])
      "password=[hidden]"
  """
  @spec scrub(String.t(), [String.t()]) :: String.t()
  def scrub(text, []), do: text
  def scrub(text, secrets), do: String.replace(text, secrets, "[hidden]")

  @doc "Keeps secrets in a file, for another VM that has to hide them."
  @spec write!(Path.t(), [String.t()]) :: :ok
  def write!(path, secrets) do
    # Whole or not at all, as it is read meanwhile.
    File.write!(path <> ".new", :erlang.term_to_binary(secrets))
    File.rename!(path <> ".new", path)
  end

  @doc "The secrets of a file; none where there is no file yet."
  @spec read(Path.t()) :: [String.t()]
  def read(path) do
    case File.read(path) do
      {:ok, binary} -> :erlang.binary_to_term(binary, [:safe])
      {:error, :enoent} -> []
    end
  end
end

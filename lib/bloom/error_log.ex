defmodule Bloom.ErrorLog do
  @moduledoc """
  Writes errors to the log.

  With `detailed_error_logging` a line has the code, what to do next and the details below its message, and in its metadata
  `bloom_code`, `bloom_suggestions` and `bloom_details`, beside what the process had there already (see
  `Bloom.Deployment.Report`). Without it there is the message alone.

  The values of secret options never get into the text; metadata is for formatters that ask for it by name.
  """

  require Logger

  alias Bloom.{Config, Error, Secrets}

  @characters 2_000

  @doc """
  Writes an error; `sentence` says what came of it, as in "switch of release 1.1.0 is undone".

      Bloom.ErrorLog.write(:error, "switch of release 1.1.0 is undone", error)
  """
  @spec write(Logger.level(), String.t(), Error.t()) :: :ok
  def write(level, sentence, %Error{} = error) do
    if Config.get_valid(:detailed_error_logging) do
      metadata = [bloom_code: error.code, bloom_suggestions: error.suggestions, bloom_details: error.details]
      Logger.log(level, text(sentence, error), metadata)
    else
      Logger.log(level, "Bloom: #{sentence}: #{error.message}")
    end
  end

  @doc """
  The text of an error with all there is to know.

      iex> error = Bloom.Error.new(:disk_full, "no space left", details: %{path: "/srv"}, suggestions: ["free some"])
      iex> Bloom.ErrorLog.text("release 1.1.0 is not installed", error)
      "Bloom: release 1.1.0 is not installed: no space left\\n  code: disk_full\\n  what to do: free some\\n  path: /srv"
  """
  @spec text(String.t(), Error.t(), [String.t()]) :: String.t()
  def text(sentence, %Error{} = error, secrets \\ secrets()) do
    suggestions = for suggestion <- error.suggestions, do: {"what to do", suggestion}
    # What crashed is in the log with its stack already.
    details = for {key, value} <- Enum.sort(error.details), key != :crash, do: {to_string(key), shown(value)}
    lines = for {name, value} <- [{"code", error.code} | suggestions] ++ details, do: "\n  #{name}: #{value}"
    Secrets.scrub("Bloom: #{sentence}: #{error.message}#{lines}", secrets)
  end

  defp shown(text) when is_binary(text) do
    if String.printable?(text), do: cut(text), else: shown({:binary, byte_size(text)})
  end

  defp shown(term), do: term |> inspect(limit: 20, printable_limit: 200) |> cut()

  defp cut(text), do: if(String.length(text) > @characters, do: String.slice(text, 0, @characters) <> "…", else: text)

  defp secrets do
    for {option, spec} <- Config.schema(),
        spec[:secret],
        value <- List.wrap(Config.get(option)),
        is_binary(value),
        value != "" do
      value
    end
  end
end

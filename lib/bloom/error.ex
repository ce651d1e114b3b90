defmodule Bloom.Error do
  @moduledoc """
  What went wrong, as data: a stable `code`, a `message` for people, `details` for programs and `suggestions`
  of what to do next.

  Inside Bloom functions answer `{:error, %Bloom.Error{}}`; the functions that the README shows answer
  `{:error, message}`.
  """

  alias Bloom.Config

  @enforce_keys [:code, :message]
  defexception [:code, :message, details: %{}, suggestions: []]

  @type t :: %__MODULE__{code: atom(), message: String.t(), details: map(), suggestions: [String.t()]}

  @doc """
  Makes an error.

      iex> Bloom.Error.new(:busy, "it is busy", suggestions: ["try again"])
      %Bloom.Error{code: :busy, message: "it is busy", details: %{}, suggestions: ["try again"]}
  """
  @spec new(atom(), String.t(), details: map(), suggestions: [String.t()]) :: t()
  def new(code, message, opts \\ []) do
    struct!(%__MODULE__{code: code, message: message}, opts)
  end

  @doc "An error of the native library, whose message already says what to do next."
  @spec from_native(%{code: atom(), message: String.t()}) :: t()
  def from_native(%{code: code, message: message}), do: new(code, message)

  @doc "An error of OTP's release handler in the README's words."
  @spec from_release_handler(term()) :: t()
  def from_release_handler({:no_such_release, _vsn}) do
    new(:no_such_release, "Release not found - ensure release is properly installed")
  end

  def from_release_handler({reason, _what}) when reason in [:bad_relup_file, :no_matching_relup] do
    new(:invalid_relup, "Invalid release upgrade file - check release compatibility")
  end

  def from_release_handler({:no_matching_relup, to, from}) do
    new(:invalid_relup, "Invalid release upgrade file - check release compatibility: no way from #{from} to #{to}")
  end

  def from_release_handler({:old_processes, module}) do
    new(:old_code_in_use, "processes still run code of #{inspect(module)} from before the last switch",
      suggestions: ["let them finish or stop them, then switch again"]
    )
  end

  def from_release_handler({:already_installed, vsn}), do: new(:already_running, "release #{vsn} is running already")

  def from_release_handler({:existing_release, vsn}) do
    new(:already_installed, "release #{vsn} is installed already", suggestions: ["switch to it"])
  end

  def from_release_handler({:bad_status, status}) do
    new(:bad_status, "the release is #{status}, not running", suggestions: ["switch to it first"])
  end

  def from_release_handler(reason) do
    new(:release_handler, "OTP's release handler refused: #{inspect(reason)}", details: %{reason: reason})
  end

  @doc "A process that does not answer, so that a switch would hang on it or pass it over."
  @spec busy(String.t(), pos_integer()) :: t()
  def busy(process, timeout) do
    new(:busy_process, "#{process} did not answer in #{timeout} ms, and a busy process cannot be upgraded",
      suggestions: ["try again when it is idle, or raise config :bloom, busy_timeout_ms"]
    )
  end

  @doc "There is no release that runs, as in `mix test` or `iex -S mix`."
  @spec no_running_release() :: t()
  def no_running_release do
    new(:no_running_release, "the release handler knows no running release",
      suggestions: ["start the node from a release made by `mix release`"]
    )
  end

  @doc """
  The message, with the first suggestion unless `include_error_suggestions` is false.

      iex> Bloom.Error.to_message(Bloom.Error.new(:busy, "it is busy", suggestions: ["try again"]))
      "it is busy: try again"
      iex> Bloom.Error.to_message(Bloom.Error.new(:busy, "it is busy"))
      "it is busy"
  """
  @spec to_message(t()) :: String.t()
  def to_message(%__MODULE__{message: message, suggestions: suggestions}) do
    case {suggestions, Config.get(:include_error_suggestions)} do
      {[suggestion | _], true} -> "#{message}: #{suggestion}"
      _plain -> message
    end
  end
end

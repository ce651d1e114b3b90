defmodule Bloom.Error do
  @moduledoc """
  What went wrong, as data: a stable `code`, a `message` for people, `details` for programs and `suggestions`
  of what to do next.

  Inside Bloom functions answer `{:error, %Bloom.Error{}}`; the functions that the README shows answer
  `{:error, message}`.

  Five messages are a promise to the letter, because scripts and people look for them. Their constructors are here, and
  nothing is ever appended to them: what to do next is in `suggestions`.
  """

  alias Bloom.Config

  @promised [:invalid_version, :release_not_found, :invalid_relup, :insufficient_disk_space, :otp_too_old]

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

  @doc """
  What was given as a version is none.

      iex> Bloom.Error.invalid_version("abc").message
      "Invalid version format: abc. Expected format: X.Y.Z or X.Y.Z-suffix"
      iex> Bloom.Error.invalid_version({1, 2}).message
      "Invalid version format: (no text). Expected format: X.Y.Z or X.Y.Z-suffix"
  """
  @spec invalid_version(term()) :: t()
  def invalid_version(given) do
    new(:invalid_version, "Invalid version format: #{shown(given)}. Expected format: X.Y.Z or X.Y.Z-suffix",
      suggestions: [~s(give the version of the release as mix.exs has it, as in "1.2.3")]
    )
  end

  @doc """
  The release handler does not know the release.

      iex> Bloom.Error.release_not_found("1.2.3").message
      "Release not found - ensure release is properly installed"
  """
  @spec release_not_found(String.t()) :: t()
  def release_not_found(version) do
    new(:release_not_found, "Release not found - ensure release is properly installed",
      details: %{version: version},
      suggestions: ["install release #{shown(version)} first, and see which there are by list_releases"]
    )
  end

  @doc """
  There are no sound instructions for the upgrade; `why` says what is wrong with them, as in "it has no way back".

      iex> Bloom.Error.invalid_relup("it has no way back").message
      "Invalid release upgrade file - check release compatibility"
  """
  @spec invalid_relup(String.t()) :: t()
  def invalid_relup(why) do
    new(:invalid_relup, "Invalid release upgrade file - check release compatibility",
      details: %{why: why},
      suggestions: ["#{why}; check the hand-written .appup files of the release, or switch with mode: :restart"]
    )
  end

  @doc """
  The disk has not the room that is needed, in megabytes.

      iex> Bloom.Error.insufficient_disk_space(500, 200).message
      "Insufficient disk space. Required: 500MB, Available: 200MB"
  """
  @spec insufficient_disk_space(non_neg_integer(), non_neg_integer()) :: t()
  def insufficient_disk_space(required_mb, available_mb) do
    new(:insufficient_disk_space, "Insufficient disk space. Required: #{required_mb}MB, Available: #{available_mb}MB",
      details: %{required_mb: required_mb, available_mb: available_mb},
      suggestions: ["remove old releases or other files, then try again"]
    )
  end

  @doc """
  The OTP version is below the least that is wanted.

      iex> Bloom.Error.otp_too_old("24.0", "25.0").message
      "OTP version 24.0 is below minimum required 25.0"
  """
  @spec otp_too_old(String.t(), String.t()) :: t()
  def otp_too_old(version, minimum) do
    new(:otp_too_old, "OTP version #{version} is below minimum required #{minimum}",
      details: %{version: version, minimum: minimum},
      suggestions: ["build the release with OTP #{minimum} or newer, or lower min_otp_version"]
    )
  end

  @doc "Whether its message is one of the five that nothing is appended to."
  @spec promised?(t()) :: boolean()
  def promised?(%__MODULE__{code: code}), do: code in @promised

  @doc """
  The message with the why that is kept beside it, for a history.

      iex> Bloom.Error.in_full(Bloom.Error.invalid_relup("it has no way back"))
      "Invalid release upgrade file - check release compatibility (it has no way back)"
      iex> Bloom.Error.in_full(Bloom.Error.otp_too_old("24.0", "25.0"))
      "OTP version 24.0 is below minimum required 25.0"
  """
  @spec in_full(t()) :: String.t()
  def in_full(%__MODULE__{code: :invalid_relup, message: message, details: %{why: why}}), do: "#{message} (#{why})"
  def in_full(%__MODULE__{message: message}), do: message

  @doc "An error of the native library, whose message already says what to do next."
  @spec from_native(%{code: atom(), message: String.t()}) :: t()
  def from_native(%{code: code, message: message}), do: new(code, message)

  @doc "A process that does not answer, so that a switch would hang on it or pass it over."
  @spec busy(String.t(), pos_integer()) :: t()
  def busy(process, timeout) do
    new(:busy_process, "#{process} did not answer in #{timeout} ms, and a busy process cannot be upgraded",
      suggestions: ["try again when it is idle, or raise config :bloom, busy_timeout_ms"]
    )
  end

  @doc """
  The release that is asked for is the one that runs.

      iex> Bloom.Error.to_message(Bloom.Error.already_running("1.2.3"))
      "release 1.2.3 is running already: give a new build a new version"
  """
  @spec already_running(String.t()) :: t()
  def already_running(version) do
    new(:already_running, "release #{version} is running already", suggestions: ["give a new build a new version"])
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
      iex> Bloom.Error.to_message(Bloom.Error.release_not_found("1.2.3"))
      "Release not found - ensure release is properly installed"
  """
  @spec to_message(t()) :: String.t()
  def to_message(%__MODULE__{code: code, message: message}) when code in @promised, do: message

  def to_message(%__MODULE__{message: message, suggestions: suggestions}) do
    case {suggestions, Config.get(:include_error_suggestions)} do
      {[suggestion | _], true} -> "#{message}: #{suggestion}"
      _plain -> message
    end
  end

  # A version may come from anywhere.
  defp shown(given) when is_atom(given) or is_number(given), do: inspect(given)

  defp shown(given) when is_binary(given) do
    cond do
      not String.printable?(given) -> "(not printable)"
      String.length(given) > 60 -> String.slice(given, 0, 60) <> "…"
      true -> given
    end
  end

  defp shown(_given), do: "(no text)"
end

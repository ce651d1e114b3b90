defmodule Bloom.Release.OTPVersion do
  @moduledoc """
  The version of Erlang/OTP that a release was built with, in its own directory as `OTP_VERSION`.

  OTP's name of a release, as in `25`, does not tell patches apart, and its file with the whole version is none of those
  that Mix puts into a release.
  """

  alias Bloom.Root

  @file_name "OTP_VERSION"

  # Longer than any, and nothing to fill the memory with.
  @longest 64

  @doc "Writes it into an assembled release."
  @spec put(struct()) :: struct()
  def put(%{version_path: dir, erts_source: erts} = release) do
    File.write!(Path.join(dir, @file_name), built_with(erts) <> "\n")
    release
  end

  # ERTS lies in the root of OTP.
  defp built_with(erts) do
    root = erts |> to_string() |> Path.dirname()

    case Path.wildcard(Path.join([root, "releases", "*", @file_name])) do
      [file] -> file |> File.read!() |> String.trim()
      _unknown_or_several -> System.otp_release()
    end
  end

  @doc "The version that a release in the root was built with, `:error` where it does not tell."
  @spec fetch(Root.t(), String.t()) :: {:ok, String.t()} | :error
  def fetch(root, version) do
    with {:ok, text} <- root |> Root.release_path(version, @file_name) |> File.open([:read], &IO.binread(&1, @longest)),
         true <- is_binary(text),
         text = String.trim(text),
         true <- version?(text) do
      {:ok, text}
    else
      _unreadable -> :error
    end
  end

  @doc """
  Whether a text is a version of OTP.

      iex> for text <- ["25", "25.2.3", "27.0-rc1", "25.", "OTP 25"], do: Bloom.Release.OTPVersion.version?(text)
      [true, true, true, false, false]
  """
  @spec version?(term()) :: boolean()
  def version?(text), do: is_binary(text) and text =~ ~r/\A\d{1,4}(\.\d{1,4})*(-rc\d+)?\z/

  @doc """
  Whether a version is at least another one. A version that is only a number says nothing about what comes behind it.

      iex> Bloom.Release.OTPVersion.at_least?("25.2.3", "25.0")
      true
      iex> Bloom.Release.OTPVersion.at_least?("24.3.4.17", "25.0")
      false
      iex> Bloom.Release.OTPVersion.at_least?("25", "25.2")
      true
  """
  @spec at_least?(String.t(), String.t()) :: boolean()
  def at_least?(version, minimum) do
    case {parts(version), parts(minimum)} do
      {[major], [least | _]} -> major >= least
      {parts, least} -> padded(parts) >= padded(least)
    end
  end

  defp parts(version) do
    [numbers | _candidate] = String.split(version, "-")
    numbers |> String.split(".") |> Enum.map(&String.to_integer/1)
  end

  # Lists of one length are compared part by part; a shorter one would be the smaller one.
  defp padded(parts), do: Enum.take(parts ++ List.duplicate(0, 10), 10)
end

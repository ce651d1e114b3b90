defmodule Bloom.Native.Prebuilt do
  @moduledoc false

  alias Bloom.Native.Inputs

  # {:ok, content}, {:error, sentence}
  def read(path) do
    with {:ok, content} <- content(path),
         {:ok, expected} <- expected(path) do
      case Inputs.sha256(content) do
        ^expected ->
          {:ok, content}

        found ->
          {:error,
           "the SHA-256 of #{path} (BLOOM_NATIVE_LIB) is #{found}, not #{expected} as expected: " <>
             "get the file again, or correct its checksum"}
      end
    end
  end

  defp content(path) do
    with {:error, reason} <- File.read(path) do
      {:error,
       "cannot read #{path} (BLOOM_NATIVE_LIB): #{:file.format_error(reason)}; " <>
         "correct the path, or unset the variable to build with cargo"}
    end
  end

  defp expected(path) do
    given =
      case System.get_env("BLOOM_NATIVE_SHA256", "") do
        "" -> path |> checksum_file() |> File.read() |> elem(1) |> to_string()
        checksum -> checksum
      end

    case Regex.run(~r/\A\s*([0-9a-fA-F]{64})\b/, given) do
      [_, hex] ->
        {:ok, String.downcase(hex)}

      nil ->
        {:error,
         "there is no SHA-256 for #{path} (BLOOM_NATIVE_LIB): " <>
           "set BLOOM_NATIVE_SHA256, or write #{checksum_file(path)} with sha256sum"}
    end
  end

  defp checksum_file(path), do: path <> ".sha256"
end

defmodule Bloom.ErrorTest do
  # Changes an option.
  use ExUnit.Case, async: false

  alias Bloom.Error

  doctest Error

  setup do
    on_exit(fn -> Application.delete_env(:bloom, :include_error_suggestions) end)
  end

  test "suggestions can be left out of messages" do
    Application.put_env(:bloom, :include_error_suggestions, false)
    assert Error.to_message(Error.new(:busy, "it is busy", suggestions: ["try again"])) == "it is busy"
  end

  test "only the first suggestion gets into the message" do
    assert Error.to_message(Error.new(:busy, "it is busy", suggestions: ["wait", "give up"])) == "it is busy: wait"
  end

  test "what the library says is taken as it is" do
    error = Error.from_native(%{code: :damaged, message: "the archive is damaged: copy it again"})
    assert %Error{code: :damaged, suggestions: []} = error
    assert Error.to_message(error) == "the archive is damaged: copy it again"
  end

  describe "the five messages of the README" do
    for {error, message} <- [
          {Error.invalid_version("abc"), "Invalid version format: abc. Expected format: X.Y.Z or X.Y.Z-suffix"},
          {Error.release_not_found("1.2.3"), "Release not found - ensure release is properly installed"},
          {Error.invalid_relup("it has no way back"), "Invalid release upgrade file - check release compatibility"},
          {Error.insufficient_disk_space(500, 200), "Insufficient disk space. Required: 500MB, Available: 200MB"},
          {Error.otp_too_old("24.0", "25.0"), "OTP version 24.0 is below minimum required 25.0"}
        ] do
      test "#{error.code} is kept to the letter, and what to do next is beside it" do
        error = unquote(Macro.escape(error))
        assert Error.to_message(error) == unquote(message)
        assert [_ | _] = error.suggestions
        assert Error.promised?(error)
      end
    end

    test "stand in the README as they are" do
      {:ok, [_ | _] = block} = "README.md" |> File.read!() |> readme_errors()

      assert block == [
               error: Error.invalid_version("abc").message,
               error: Error.release_not_found("1.2.3").message,
               error: Error.invalid_relup("it has no way back").message,
               error: Error.insufficient_disk_space(500, 200).message,
               error: Error.otp_too_old("24.0", "25.0").message
             ]
    end

    test "what is not printable, or endless, is not shown as a version" do
      assert Error.invalid_version(<<255, 0>>).message =~ "Invalid version format: (not printable). "
      assert Error.invalid_version({:a, self()}).message =~ "Invalid version format: (no text). "
      assert String.length(Error.invalid_version(String.duplicate("x", 10_000)).message) < 200
    end
  end

  test "it can be raised" do
    assert_raise Error, "it is busy", fn -> raise Error.new(:busy, "it is busy") end
  end

  defp readme_errors(readme) do
    [_all, block] = Regex.run(~r/```elixir\n(\{:error, "Invalid version.*?)```/s, readme)
    Code.string_to_quoted("[" <> (block |> String.trim() |> String.replace("\n", ", ")) <> "]")
  end
end

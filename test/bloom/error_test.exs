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

  test "it can be raised" do
    assert_raise Error, "it is busy", fn -> raise Error.new(:busy, "it is busy") end
  end

  for {reason, code} <- [
        {{:no_such_release, ~c"1.0.0"}, :no_such_release},
        {{:no_matching_relup, ~c"1.1.0", ~c"1.0.0"}, :invalid_relup},
        {{:bad_relup_file, ~c"relup"}, :invalid_relup},
        {{:old_processes, Garden}, :old_code_in_use},
        {{:already_installed, ~c"1.1.0"}, :already_running},
        {{:existing_release, ~c"1.1.0"}, :already_installed},
        {{:bad_status, :unpacked}, :bad_status},
        {:something_else, :release_handler}
      ] do
    test "the release handler's #{inspect(reason)} is #{inspect(code)} in words" do
      assert %Error{code: unquote(code), message: message} = Error.from_release_handler(unquote(Macro.escape(reason)))
      assert String.printable?(message)
    end
  end
end

defmodule Bloom.Remote.TargetTest do
  use ExUnit.Case, async: true

  alias Bloom.Remote.Target

  doctest Target

  test "directories of this machine" do
    for {text, root} <- [
          {"/opt/my_app", "/opt/my_app"},
          {"/opt/my_app/", "/opt/my_app"},
          {"./release", Path.expand("release")},
          {"../release", Path.expand("../release")},
          {".", File.cwd!()},
          {"/opt/a:b", "/opt/a:b"}
        ] do
      assert Target.parse(text) == {:ok, %Target{root: root, host: nil}}
    end
  end

  test "directories of others" do
    for {text, host, root} <- [
          {"host:/opt/my_app", "host", "/opt/my_app"},
          {"me@10.0.0.1:/srv/a b", "me@10.0.0.1", "/srv/a b"},
          {"host:/", "host", "/"},
          {"host:/a:/b", "host", "/a:/b"},
          {"[fe80::1%eth0]:/opt", "fe80::1%eth0", "/opt"}
        ] do
      assert Target.parse(text) == {:ok, %Target{root: root, host: host}}
    end
  end

  test "anything else is refused, above all what ssh would take for an option" do
    for text <- [
          "",
          "host",
          "host:",
          "host:opt",
          "my_app",
          "user@:/opt",
          "@host:/opt",
          "a@b@c:/opt",
          "-oProxyCommand=id:/opt",
          "me@-oProxyCommand=id:/opt",
          "-l:/opt",
          "host name:/opt",
          "host;id:/opt",
          "$(id):/opt",
          "[::1:/opt",
          "[x]:/opt",
          "host:/opt\nx",
          "/opt\e[2J",
          <<"/opt/", 255>>
        ] do
      assert {:error, "expected a target like user@host:/opt/my_app or /opt/my_app, got " <> _text} = Target.parse(text)
    end
  end
end

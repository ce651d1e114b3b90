defmodule Bloom.PackageTest do
  # That an application can be built with it is shown by test/integration/new_user_test.exs.
  use ExUnit.Case, async: true

  alias Bloom.Test.Package

  @config Mix.Project.config()

  test "says what Hex wants to know" do
    assert @config[:description] =~ "release"
    assert {:ok, _version} = Version.parse(@config[:version])
    assert [licenses: ["MIT"], links: %{"GitHub" => url}] = Keyword.take(@config[:package], [:licenses, :links])
    assert @config[:source_url] == url
    assert @config[:docs][:source_ref] == "v" <> @config[:version]
  end

  test "has all sources, of both languages, and nothing that a build has left" do
    {tracked, 0} = System.cmd("git", ~w(ls-files --cached --others --exclude-standard))
    tracked = String.split(tracked, "\n", trim: true)
    files = Package.files()
    assert [] == files -- tracked

    sources = ~r"^(lib|priv|guides|native/mix|native/bloom_core/src|native/bloom_nif/src)/"
    assert [] == Enum.filter(tracked, &(&1 =~ sources and File.exists?(&1))) -- files
    assert [] == ~w(mix.exs Cargo.toml Cargo.lock README.md CHANGELOG.md LICENSE) -- files
    refute Enum.any?(files, &(&1 =~ "fuzz"))
  end

  @tag :tmp_dir
  test "is a whole workspace for cargo, with the lock that goes with it", %{tmp_dir: dir} do
    Package.copy!(dir)

    assert {metadata, 0} = System.cmd("cargo", ~w(metadata --no-deps --offline --locked --format-version 1), cd: dir)

    assert metadata =~ "bloom_core" and metadata =~ "bloom_nif"

    assert {_tree, 0} =
             System.cmd("cargo", ~w(tree --offline --locked --edges normal,build), cd: dir, stderr_to_stdout: true)
  end

  test "the files that the docs are made of are in it" do
    assert [] == @config[:docs][:extras] -- Package.files()
  end

  test "every module that the docs name in a group is there" do
    for {_group, modules} when is_list(modules) <- @config[:docs][:groups_for_modules], module <- modules do
      assert Code.ensure_loaded?(module), inspect(module)
    end
  end
end

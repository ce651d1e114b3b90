defmodule Mix.Tasks.Compile.BloomNativeTest do
  # That an application needs no Rust with a library built elsewhere is shown by test/integration/own_suite_test.exs.
  # Changes the environment and the shell.
  use ExUnit.Case, async: false

  alias Mix.Task.Compiler.Diagnostic

  @moduletag :tmp_dir
  @variables ~w(BLOOM_NATIVE_LIB BLOOM_NATIVE_SHA256 CARGO_TARGET_DIR MIX_BUILD_PATH PATH)

  setup %{tmp_dir: dir} do
    shell = Mix.shell()
    environment = Map.new(@variables, &{&1, System.get_env(&1)})
    Mix.shell(Mix.Shell.Process)
    for name <- @variables -- ["PATH"], do: System.delete_env(name)

    on_exit(fn ->
      Mix.shell(shell)
      for {name, value} <- environment, do: if(value, do: System.put_env(name, value), else: System.delete_env(name))
    end)

    # A name of its own for each, as Mix remembers projects by it.
    app = :"native_sample_#{System.unique_integer([:positive])}"
    crate!(dir, app)
    %{app: app, dir: dir}
  end

  describe "cargo" do
    test "builds the library, once", %{app: app, dir: dir} do
      assert {:ok, []} = compile(app, dir)
      assert [library] = libraries(app, dir)
      assert Path.basename(library) =~ ~r"^bloom_nif-0\.1\.0-[0-9a-f]{12}\.so$"
      stat = File.stat!(library)

      assert {:noop, []} = compile(app, dir)
      assert File.stat!(library) == stat
    end

    test "builds again when a source changes, and nothing of the old build stays", %{app: app, dir: dir} do
      assert {:ok, []} = compile(app, dir)
      [old] = libraries(app, dir)

      write!(dir, "native/bloom_nif/src/lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn other() -> u8 { 2 }\n")
      assert {:ok, []} = compile(app, dir)
      assert [new] = libraries(app, dir)
      refute new == old
    end

    test "is not asked when only a test beside the sources changes", %{app: app, dir: dir} do
      assert {:ok, []} = compile(app, dir)
      write!(dir, "native/bloom_nif/tests/some.rs", "#[test]\nfn some() {}\n")
      assert {:noop, []} = compile(app, dir)
    end

    test "is asked again when the library is gone, and when forced", %{app: app, dir: dir} do
      assert {:ok, []} = compile(app, dir)
      [library] = libraries(app, dir)
      File.rm!(library)

      assert {:ok, []} = compile(app, dir)
      assert [^library] = libraries(app, dir)
      assert {:ok, []} = compile(app, dir, ["--force"])
    end

    test "reports errors and warnings where they are", %{app: app, dir: dir} do
      write!(dir, "native/bloom_nif/src/lib.rs", "fn unused() {}\n\npub fn wrong() -> u8 {\n    \"text\"\n}\n")

      assert {:error, diagnostics} = compile(app, dir)
      source = Path.join(dir, "native/bloom_nif/src/lib.rs")

      assert %Diagnostic{file: ^source, position: 4, compiler_name: "bloom_native", message: message} =
               Enum.find(diagnostics, &(&1.severity == :error))

      assert message =~ "mismatched types"
      assert Enum.all?(diagnostics, &(&1.position > 0))
      assert_received {:mix_shell, :error, ["could not build Bloom's native library, see cargo's errors above"]}

      write!(dir, "native/bloom_nif/src/lib.rs", "fn unused() {}\n")
      assert {:ok, [%Diagnostic{severity: :warning, file: ^source, position: 1}]} = compile(app, dir)
    end

    test "leaves a library that works alone when it fails", %{app: app, dir: dir} do
      assert {:ok, []} = compile(app, dir)
      before = libraries(app, dir)
      write!(dir, "native/bloom_nif/src/lib.rs", "fn")

      assert {:error, [_ | _]} = compile(app, dir)
      assert libraries(app, dir) == before
      assert {:error, [_ | _]} = compile(app, dir)
    end

    test "has its say when it cannot even begin", %{app: app, dir: dir} do
      File.rm!(Path.join(dir, "Cargo.lock"))
      assert {:error, [%Diagnostic{severity: :error, position: 0, message: message}]} = compile(app, dir)
      assert message =~ "--locked"
    end
  end

  describe "a toolchain" do
    test "that is missing takes one sentence with both ways out", %{app: app, dir: dir} do
      System.put_env("PATH", "/nonexistent")

      assert error(app, dir) ==
               "cargo is not in PATH, and Bloom needs Rust 1.91 or newer to be built: install Rust from " <>
                 "https://rustup.rs, or set BLOOM_NATIVE_LIB to a library built elsewhere and " <>
                 "BLOOM_NATIVE_SHA256 to its checksum"
    end

    test "that is too old is named with its version", %{app: app, dir: dir} do
      path!(dir, cargo: "exit 1", rustc: "echo 'rustc 1.85.0 (4d91de4e4 2025-02-17)'")
      assert error(app, dir) =~ ~r"^Rust 1\.85 \(.*/rustc\) is too old, and Bloom needs 1\.91 or newer: "
    end

    test "that does not work says why", %{app: app, dir: dir} do
      path!(dir, cargo: "exit 1", rustc: "echo 'error: no default toolchain'; exit 1")
      assert error(app, dir) =~ "does not work (error: no default toolchain): install Rust"
    end

    test "without a linker is told what to install", %{app: app, dir: dir} do
      path!(dir, cargo: "echo 'error: linker `cc` not found'; exit 101", rustc: "echo 'rustc 1.95.0 (f2d3ce0bd)'")
      assert error(app, dir) =~ "apt-get install gcc"
    end
  end

  describe "a prebuilt library" do
    setup %{dir: dir} do
      System.put_env("PATH", "/nonexistent")
      path = write!(dir, "elsewhere/bloom_nif.so", "the library")
      System.put_env("BLOOM_NATIVE_LIB", path)
      %{path: path, sha256: Base.encode16(:crypto.hash(:sha256, "the library"), case: :lower)}
    end

    test "is taken with its checksum in the environment", %{app: app, dir: dir, sha256: sha256} do
      System.put_env("BLOOM_NATIVE_SHA256", String.upcase(sha256))

      assert {:ok, []} = compile(app, dir)
      assert [library] = libraries(app, dir)
      assert File.read!(library) == "the library"
      assert Path.basename(library) == "bloom_nif-0.1.0-#{String.slice(sha256, 0, 12)}.so"
      assert {:noop, []} = compile(app, dir)
    end

    test "is taken with its checksum beside it", %{app: app, dir: dir, path: path, sha256: sha256} do
      File.write!(path <> ".sha256", "#{sha256}  bloom_nif.so\n")
      assert {:ok, []} = compile(app, dir)
    end

    test "is refused without a checksum", %{app: app, dir: dir, path: path} do
      assert error(app, dir) ==
               "there is no SHA-256 for #{path} (BLOOM_NATIVE_LIB): set BLOOM_NATIVE_SHA256, " <>
                 "or write #{path}.sha256 with sha256sum"
    end

    test "is refused with another checksum, and what was there stays", %{app: app, dir: dir, sha256: sha256} do
      System.put_env("BLOOM_NATIVE_SHA256", sha256)
      assert {:ok, []} = compile(app, dir)

      System.put_env("BLOOM_NATIVE_SHA256", String.duplicate("0", 64))
      assert error(app, dir) =~ "is #{sha256}, not #{String.duplicate("0", 64)} as expected: get the file again"
      assert [_library] = libraries(app, dir)
    end

    test "is refused where there is none", %{app: app, dir: dir, path: path} do
      File.rm!(path)
      assert error(app, dir) =~ "cannot read #{path} (BLOOM_NATIVE_LIB): no such file or directory; correct the path"
    end
  end

  describe "the build directory" do
    setup %{dir: dir} do
      path = write!(dir, "elsewhere/bloom_nif.so", "the library")
      System.put_env("BLOOM_NATIVE_LIB", path)
      System.put_env("BLOOM_NATIVE_SHA256", Base.encode16(:crypto.hash(:sha256, "the library")))
      :ok
    end

    test "gets the library and the source directory does not", %{app: app, dir: dir} do
      write!(dir, "priv/templates/guard.eex", "guard")
      in_project(app, dir, fn -> Mix.Project.build_structure() end)

      assert {:ok, []} = compile(app, dir)
      in_project(app, dir, fn -> Mix.Project.build_structure() end)
      assert {:noop, []} = compile(app, dir)
      refute File.exists?(Path.join(dir, "priv/native"))
      assert File.read!(Path.join(priv(app, dir), "templates/guard.eex")) == "guard"
    end

    test "is clean after mix clean", %{app: app, dir: dir} do
      assert {:ok, []} = compile(app, dir)
      in_project(app, dir, fn -> Mix.Tasks.Compile.BloomNative.clean() end)
      assert libraries(app, dir) == []
      in_project(app, dir, fn -> refute Enum.any?(Mix.Tasks.Compile.BloomNative.manifests(), &File.exists?/1) end)
      assert {:ok, []} = compile(app, dir)
    end
  end

  # A crate without dependencies stands for the real one, so that cargo is quick and needs no network.
  defp crate!(dir, app) do
    write!(dir, "Cargo.toml", """
    [workspace]
    members = ["native/bloom_nif"]

    [workspace.package]
    rust-version = "1.91"
    """)

    write!(dir, "Cargo.lock", "version = 4\n\n[[package]]\nname = \"bloom_nif\"\nversion = \"0.1.0\"\n")

    write!(dir, "native/bloom_nif/Cargo.toml", """
    [package]
    name = "bloom_nif"
    version = "0.1.0"
    edition = "2024"

    [lib]
    crate-type = ["cdylib"]
    """)

    write!(dir, "native/bloom_nif/src/lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn some() -> u8 { 1 }\n")

    write!(dir, "mix.exs", """
    defmodule #{inspect(Module.concat(app, MixProject))} do
      use Mix.Project
      def project, do: [app: #{inspect(app)}, version: "0.1.0", compilers: [:bloom_native]]
    end
    """)
  end

  defp compile(app, dir, args \\ []) do
    in_project(app, dir, fn -> Mix.Task.rerun("compile.bloom_native", args) end)
  end

  defp error(app, dir) do
    assert {:error, [%Diagnostic{severity: :error, message: message, position: 0}]} = compile(app, dir)
    assert_received {:mix_shell, :error, ["could not build Bloom's native library: " <> ^message]}
    refute message =~ "\n"
    message
  end

  defp in_project(app, dir, fun), do: Mix.Project.in_project(app, dir, fn _module -> fun.() end)
  defp priv(app, dir), do: Path.join(dir, "_build/#{Mix.env()}/lib/#{app}/priv")
  defp libraries(app, dir), do: app |> priv(dir) |> Path.join("native/*") |> Path.wildcard(match_dot: true)

  defp path!(dir, scripts) do
    for {name, script} <- scripts do
      dir |> write!("bin/#{name}", "#!/bin/sh\n#{script}\n") |> File.chmod!(0o755)
    end

    System.put_env("PATH", Path.join(dir, "bin"))
  end

  defp write!(dir, name, content) do
    path = Path.join(dir, name)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, content)
    path
  end
end

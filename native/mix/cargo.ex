defmodule Bloom.Native.Cargo do
  @moduledoc false

  alias Bloom.Native.Output

  @prebuilt "set BLOOM_NATIVE_LIB to a library built elsewhere and BLOOM_NATIVE_SHA256 to its checksum"
  @ways_out "install Rust from https://rustup.rs, or #{@prebuilt}"
  @no_linker "there is no C compiler to link with: install one (Debian: apt-get install gcc), or #{@prebuilt}"

  # {:ok, path of the library, warnings}, {:error, sentence} or {:error, diagnostics}
  def build(root, compiler) do
    with {:ok, cargo} <- toolchain(root) do
      Mix.shell().info("Building Bloom's native library with cargo")
      {status, output} = run(cargo, args(root), root)

      cond do
        status != 0 and Output.no_linker?(output) ->
          {:error, @no_linker}

        status != 0 ->
          {:error, Output.diagnostics(output, root, compiler)}

        library = Output.library(output) ->
          {:ok, library, Output.diagnostics(output, root, compiler)}

        true ->
          {:error, "cargo says it did, but names no library; report this with cargo's output above."}
      end
    end
  end

  # Without the builder's directories in it, the same source makes the same library everywhere.
  defp args(root) do
    home = System.get_env("CARGO_HOME") || Path.expand("~/.cargo")
    flags = for {dir, name} <- [{home, "cargo"}, {root, "bloom"}], do: "--remap-path-prefix=#{dir}=#{name}"

    ~w(build --release --locked --package bloom_nif --message-format=json-render-diagnostics) ++
      ["--config", "build.rustflags=#{inspect(flags)}"]
  end

  defp toolchain(root) do
    wanted = wanted_version(root)

    case {System.find_executable("cargo"), System.find_executable("rustc")} do
      {cargo, rustc} when is_binary(cargo) and is_binary(rustc) ->
        with :ok <- check_version(rustc, wanted), do: {:ok, cargo}

      {cargo, _rustc} ->
        missing = if cargo, do: "rustc", else: "cargo"

        {:error, "#{missing} is not in PATH, and Bloom needs Rust #{wanted} or newer to be built: #{@ways_out}"}
    end
  end

  defp check_version(rustc, wanted) do
    {output, _status} = System.cmd(rustc, ["--version"], stderr_to_stdout: true)

    with [_, major, minor] <- Regex.run(~r/^rustc (\d+)\.(\d+)\./m, output),
         false <- at_least?({major, minor}, wanted) do
      {:error, "Rust #{major}.#{minor} (#{rustc}) is too old, and Bloom needs #{wanted} or newer: #{@ways_out}"}
    else
      true ->
        :ok

      nil ->
        {:error, "#{rustc} does not work (#{output |> String.split("\n") |> hd()}): #{@ways_out}"}
    end
  end

  defp at_least?({major, minor}, wanted) do
    [wanted_major, wanted_minor | _] = wanted |> String.split(".") |> Enum.map(&String.to_integer/1)

    {String.to_integer(major), String.to_integer(minor)} >= {wanted_major, wanted_minor}
  end

  defp wanted_version(root) do
    [_, version] = Regex.run(~r/^rust-version = "([\d.]+)"/m, File.read!(Path.join(root, "Cargo.toml")))

    version
  end

  # Cargo may take a minute, so its lines are shown as they come.
  defp run(cargo, args, root) do
    options = [:binary, :exit_status, :stderr_to_stdout, :hide, args: args, cd: root, env: env(), line: 65_536]
    collect(Port.open({:spawn_executable, cargo}, options), [], [])
  end

  defp collect(port, lines, partial) do
    receive do
      {^port, {:data, {:noeol, part}}} ->
        collect(port, lines, [partial | part])

      {^port, {:data, {:eol, part}}} ->
        line = IO.iodata_to_binary([partial | part])
        if Output.for_people?(line), do: Mix.shell().info(line)
        collect(port, [line | lines], [])

      {^port, {:exit_status, status}} ->
        {status, Enum.reverse(lines)}
    end
  end

  defp env do
    for {name, value} <- [{"CARGO_TERM_COLOR", "never"} | target_dir()] do
      {String.to_charlist(name), String.to_charlist(value)}
    end
  end

  # Outside the sources, which may be read-only, and shared by the environments of one project.
  defp target_dir do
    build_path = Mix.Project.build_path()

    cond do
      System.get_env("CARGO_TARGET_DIR") ->
        []

      System.get_env("MIX_BUILD_PATH") ->
        [{"CARGO_TARGET_DIR", Path.join(build_path, "bloom_native")}]

      true ->
        [{"CARGO_TARGET_DIR", build_path |> Path.dirname() |> Path.join("bloom_native")}]
    end
  end
end

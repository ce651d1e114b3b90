defmodule Bloom.Native.Inputs do
  @moduledoc false

  # Whether there is anything to do. On its own, as this is all that most compilations need to load.
  #
  # The manifest is text, one line each: its format, the digest of everything that the library was made from,
  # and the library's name. Bloom.Native reads the name when it is compiled.

  @format "1"

  def current?(root) do
    with {:ok, content} <- File.read(manifest()),
         [@format, inputs, name] <- String.split(content, "\n", trim: true) do
      File.regular?(Path.join(native_dir(), name)) and inputs == digest(root)
    else
      _missing_or_other -> false
    end
  end

  def write(inputs, name) do
    File.mkdir_p!(Path.dirname(manifest()))
    File.write!(manifest(), Enum.join([@format, inputs, name, ""], "\n"))
  end

  def manifest, do: Path.join(Mix.Project.manifest_path(), "compile.bloom_native")
  def native_dir, do: Path.join([Mix.Project.app_path(), "priv", "native"])

  def prebuilt do
    case System.get_env("BLOOM_NATIVE_LIB", "") do
      "" -> nil
      path -> Path.expand(path)
    end
  end

  def digest(root) do
    origin = if path = prebuilt(), do: checksummed(path), else: toolchain()
    sha256([@format, Mix.Project.config()[:version], sources(root), origin])
  end

  def sha256(content), do: :sha256 |> :crypto.hash(content) |> Base.encode16(case: :lower)

  # Only what ends up in the library: the fuzz targets, tests and benchmarks beside it do not.
  defp sources(root) do
    top = ~w(Cargo.toml Cargo.lock rust-toolchain rust-toolchain.toml .cargo/config.toml)
    crates = ~w(native/bloom_*/{Cargo.toml,build.rs} native/bloom_*/src/**/*.rs)

    files = Enum.map(top, &Path.join(root, &1)) ++ Enum.flat_map(crates, &Path.wildcard(Path.join(root, &1)))

    for file <- Enum.sort(files), {:ok, content} <- [File.read(file)] do
      [Path.relative_to(file, root), 0, sha256(content)]
    end
  end

  # What could make cargo answer differently for the same sources, found without running anything.
  defp toolchain do
    rustup = System.get_env("RUSTUP_HOME") || Path.expand("~/.rustup")
    files = for tool <- ~w(cargo rustc), path = System.find_executable(tool), do: path
    files = files ++ for name <- ~w(settings.toml update-hashes), do: Path.join(rustup, name)

    names = ~w(CARGO_BUILD_TARGET RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTUP_TOOLCHAIN)
    variables = for name <- names, do: [name, 0, System.get_env(name, ""), 0]

    [Enum.map(files, &stamp/1), variables]
  end

  defp checksummed(path),
    do: [stamp(path), stamp(path <> ".sha256"), System.get_env("BLOOM_NATIVE_SHA256", "")]

  defp stamp(file) do
    case File.stat(file, time: :posix) do
      {:ok, stat} -> [file, 0, to_string(stat.size), 0, to_string(stat.mtime), 0]
      {:error, _reason} -> [file, 0, "missing", 0]
    end
  end
end

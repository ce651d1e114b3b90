defmodule Mix.Tasks.Compile.BloomNative do
  @shortdoc "Builds Bloom's native library with cargo, or takes a prebuilt one"

  @moduledoc """
  Builds Bloom's native library with cargo, or takes a prebuilt one, and puts it into the application's
  `priv/native`.

  Runs by itself as a part of `mix compile`, in Bloom's own project and where Bloom is a dependency. Cargo is
  asked only when the Rust sources, `Cargo.lock`, the toolchain or one of the variables below has changed.

  Building needs Rust (the version in Bloom's `Cargo.toml`, or newer) and a C compiler, for SQLite and to link with.

  ## Without Rust

  A library that was built elsewhere, for the same version of Bloom, is taken instead when
  `BLOOM_NATIVE_LIB` holds its path. Its SHA-256 must be given, in `BLOOM_NATIVE_SHA256` or in a file with the
  same path and `.sha256` at its end, as `sha256sum` writes it:

      BLOOM_NATIVE_LIB=/opt/bloom/bloom_nif.so mix deps.compile bloom --force

  ## Cargo's own variables

  `CARGO_TARGET_DIR`, `CARGO_BUILD_TARGET`, `RUSTFLAGS` and `RUSTUP_TOOLCHAIN` mean what they always mean.
  Without `CARGO_TARGET_DIR` cargo works in `_build/bloom_native`, which all environments share.
  """

  use Mix.Task.Compiler

  # Mix needs this task before anything of the project is compiled, so mix.exs loads it on each start of Mix, and
  # it loads the rest when there is something to do.
  @build ~w(prebuilt.ex output.ex cargo.ex build.ex)

  @impl true
  def run(args) do
    root = File.cwd!()
    current? = inputs().current?(root)

    if current? and "--force" not in args do
      {:noop, []}
    else
      for file <- @build, do: Code.require_file(file, __DIR__)
      Bloom.Native.Build.run(root)
    end
  end

  @impl true
  def manifests, do: [inputs().manifest()]

  @impl true
  def clean do
    File.rm_rf!(inputs().native_dir())
    File.rm(inputs().manifest())
  end

  defp inputs do
    Code.require_file("inputs.ex", __DIR__)
    Bloom.Native.Inputs
  end
end

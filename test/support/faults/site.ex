defmodule Bloom.Test.Faults.Site do
  @moduledoc """
  Where the roots of the matrix lie: what each version looks like when nothing ever happened to it, and cheap copies of
  prepared roots.

  Libraries have a second name instead of a copy, as nothing ever writes to them in place; whether that held is a part
  of the proof.
  """

  alias Bloom.Test.{Garden, Node, Postgres}

  @enforce_keys [:dir, :library, :archives]
  defstruct [:dir, :library, :archives]

  @type t :: %__MODULE__{dir: Path.t(), library: Path.t(), archives: %{String.t() => Path.t()}}

  @doc "A site below `dir` with these versions; `library` is the built interposer."
  @spec new!(Path.t(), Path.t(), [String.t()]) :: t()
  def new!(dir, library, versions) do
    site = %__MODULE__{dir: dir, library: library, archives: Garden.archives(versions)}
    for {version, archive} <- site.archives, do: Node.deploy(archive, pristine(site, version))
    site
  end

  @doc "A version as its archive has it."
  @spec pristine(t(), String.t()) :: Path.t()
  def pristine(%__MODULE__{dir: dir}, version), do: Path.join([dir, "pristine", version])

  @doc "A new path for a root."
  @spec root(t(), String.t()) :: Path.t()
  def root(%__MODULE__{dir: dir}, name), do: Path.join([dir, "roots", "#{name}-#{System.unique_integer([:positive])}"])

  @doc "Copies a root, of a node that runs or not."
  @spec copy!(Path.t(), Path.t()) :: :ok
  def copy!(from, to) do
    {output, status} = System.cmd("sh", ["-euc", copy_script(), "copy", from, to], stderr_to_stdout: true)
    if status != 0, do: raise("copying #{from} failed:\n#{output}")
    :ok
  end

  defp copy_script do
    """
    mkdir -p "$2/releases"
    cd "$1"
    cp -al lib erts-* "$2"
    find releases -mindepth 1 -maxdepth 1 -name '*.tar.gz' -exec cp -al -t "$2/releases" {} +
    find releases -mindepth 1 -maxdepth 1 ! -name '*.tar.gz' -exec cp -a -t "$2/releases" {} +
    find . -mindepth 1 -maxdepth 1 ! -name lib ! -name 'erts-*' ! -name releases -exec cp -a -t "$2" {} +
    """
  end

  @doc "The database of the node of a root."
  @spec database(Path.t()) :: keyword()
  def database(root) do
    id = :crypto.hash(:sha256, root) |> Base.encode16(case: :lower) |> binary_part(0, 16)
    Postgres.config("faults_#{id}")
  end

  @doc "Makes the database of a root, empty or as that of another root, where nobody is connected to."
  @spec make_database!(Path.t(), Path.t() | nil) :: :ok
  def make_database!(root, from \\ nil) do
    template = if from, do: database(from)[:database], else: "template0"
    Postgres.query!(Postgres.config("postgres"), "CREATE DATABASE #{database(root)[:database]} TEMPLATE #{template}")
    :ok
  end

  @doc "Drops the database of a root and what Bloom kept of it."
  @spec drop_database!(Path.t()) :: :ok
  def drop_database!(root), do: Postgres.drop_all!(database(root)[:database])

  @doc "Removes a root and the interposer's files beside it."
  @spec remove!(Path.t()) :: :ok
  def remove!(root) do
    for path <- [root, root <> ".log", root <> ".arm", root <> ".arm.paused", root <> ".arm.count"],
        do: File.rm_rf!(path)

    :ok
  end

  @doc "Puts the archive of a version where an upload would."
  @spec upload!(t(), Path.t(), String.t()) :: :ok
  def upload!(site, root, version) do
    archive = Map.fetch!(site.archives, version)
    File.cp!(archive, Path.join([root, "releases", Path.basename(archive)]))
  end
end

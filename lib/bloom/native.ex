defmodule Bloom.Native do
  @moduledoc """
  The work that is done in Rust: digests, archives, plans, the journal and questions to the machine. The only module
  that knows there is a NIF.

  Every function that touches files runs on a dirty scheduler and answers `{:error, %Bloom.Error{}}` for whatever
  goes wrong, a bug in the library (`:native_panic`) and a library that cannot be loaded (`:native_not_loaded`)
  included. When the calling process dies, what it waits for is cancelled; calls of the journal (`store_*`) are short
  and come to their end.

  ## Progress

  With `progress: {pid, reference}` the process gets messages `{:bloom_progress, reference, done, total}`, ten a
  second at most. What is counted are the bytes of the archive.

  ## Cancelling

  `cancel: token` makes an operation stop when any process calls `cancel/1` with the same token. It then answers
  an error with the code `:cancelled`, and the files are as they were.
  """

  alias Bloom.Error

  # Written by the Mix compiler bloom_native, which runs first.
  @manifest Path.join(Mix.Project.manifest_path(), "compile.bloom_native")
  @external_resource @manifest

  # Its name carries its digest, so this module changes whenever the library does, and an upgrade sees it.
  @library @manifest |> File.read!() |> String.split("\n", trim: true) |> List.last() |> Path.rootname()

  @version Mix.Project.config()[:version]

  @on_load :load

  @typedoc "What `cancel/1` takes."
  @opaque token :: reference()

  @typedoc "An open journal. One of another build of the library is refused with an `ArgumentError`."
  @opaque store :: reference()

  @typedoc "What a journal holds; text and blobs are both binaries."
  @type value :: nil | integer() | float() | binary()

  @typedoc "A parameter of a statement; a plain binary is text."
  @type param :: value() | {:blob, binary()}

  @typedoc "Who is told how far it is and what stops it; both may be left out."
  @type watch :: %{
          optional(:progress) => {pid(), reference()} | nil,
          optional(:cancel) => token() | nil,
          optional(atom()) => term()
        }

  @typedoc "A release in words, as the manifest has it."
  @type header :: %{
          name: String.t(),
          version: String.t(),
          erts_version: String.t(),
          otp_release: String.t(),
          elixir_version: String.t(),
          applications: [
            %{
              name: String.t(),
              version: String.t(),
              base_version: String.t(),
              kind: :own | :dependency | :elixir | :otp
            }
          ]
        }

  @typedoc "An archive that is what its manifest says; `bytes` is its unpacked size, `sha256` that of the archive."
  @type verified :: %{
          name: String.t(),
          version: String.t(),
          erts_version: String.t(),
          otp_release: String.t(),
          elixir_version: String.t(),
          sha256: String.t(),
          files: non_neg_integer(),
          bytes: non_neg_integer()
        }

  @typedoc "What was put in place, in order, and what was there already; directories relative to the root."
  @type staged :: %{verified: verified(), placed: [String.t()], shared: [String.t()]}

  @typedoc "Directories are relative to the root, releases as their directories are named."
  @type inventory :: %{
          releases: [%{version: String.t(), needs: [String.t()], unreadable: String.t() | nil}],
          directories: [String.t()]
        }

  @typedoc "Memory in bytes: what there is for this VM, whose limit that is, what is taken, and what the VM holds of it."
  @type memory :: %{
          limit: pos_integer(),
          used: non_neg_integer(),
          resident: non_neg_integer(),
          source: :cgroup | :machine
        }

  @doc "The content digest of a directory: 64 hexadecimal digits."
  @spec tree_digest(Path.t()) :: {:ok, String.t()} | {:error, Error.t()}
  def tree_digest(dir), do: dir |> Path.expand() |> nif_tree_digest() |> result()

  @doc """
  Writes the manifest of the assembled release in `root`, covering `entries`: files and directories relative to
  it. Returns the number of files.
  """
  @spec manifest_write(Path.t(), header(), [String.t()]) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def manifest_write(root, head, entries), do: root |> Path.expand() |> nif_manifest_write(head, entries) |> result()

  @doc """
  Verifies an archive in one pass, without writing anything.

  `:name` and `:version` are what it is expected to be; what is left out may be anything.
  """
  @spec archive_verify(Path.t(), watch()) :: {:ok, verified()} | {:error, Error.t()}
  def archive_verify(archive, opts \\ %{}) do
    archive |> Path.expand() |> nif_archive_verify(expect(opts), watch(opts)) |> result()
  end

  @doc """
  Verifies an archive and puts its files in place below `:root`, in one pass.

  `:name` and `:version` are as for `archive_verify/2`. Whatever goes wrong, the root is as it was before.
  """
  @spec archive_stage(Path.t(), watch()) :: {:ok, staged()} | {:error, Error.t()}
  def archive_stage(archive, %{root: root} = opts) do
    archive |> Path.expand() |> nif_archive_stage(Path.expand(root), expect(opts), watch(opts)) |> result()
  end

  @doc "Removes what `archive_stage/2` has placed."
  @spec archive_unstage(Path.t(), [String.t()]) :: :ok | {:error, Error.t()}
  def archive_unstage(root, placed), do: root |> Path.expand() |> nif_archive_unstage(placed) |> done()

  @doc "Removes what an interrupted `archive_stage/2` left in `releases/` of the root."
  @spec archive_sweep(Path.t()) :: :ok | {:error, Error.t()}
  def archive_sweep(root), do: root |> Path.expand() |> nif_archive_sweep() |> done()

  @doc "Which releases lie in a root, what each needs (or why nobody can tell), and which directories there are."
  @spec inventory(Path.t()) :: {:ok, inventory()} | {:error, Error.t()}
  def inventory(root), do: root |> Path.expand() |> nif_inventory() |> result()

  @doc "The bytes of all files at and below some paths; links are not followed."
  @spec size([Path.t()]) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def size(paths), do: paths |> Enum.map(&Path.expand/1) |> nif_size() |> result()

  @doc "Plans the way from what runs to a staged release, see `Bloom.Plan.make/2`."
  @spec plan(map()) :: {:ok, map()} | {:error, Error.t()}
  def plan(request), do: request |> nif_plan() |> result()

  @doc "Opens the journal, making it where there is none; `:memory:` is one that nothing else sees."
  @spec store_open(Path.t()) :: {:ok, store()} | {:error, Error.t()}
  def store_open(path), do: path |> store_path() |> nif_store_open(false) |> result()

  @doc "Opens the journal, making it where there is none although a damaged one lies aside."
  @spec store_start_anew(Path.t()) :: {:ok, store()} | {:error, Error.t()}
  def store_start_anew(path), do: path |> store_path() |> nif_store_open(true) |> result()

  @doc "Runs one statement and answers its rows."
  @spec store_query(store(), String.t(), [param()]) :: {:ok, [[value()]]} | {:error, Error.t()}
  def store_query(store, sql, params), do: store |> nif_store_query({sql, params}) |> result()

  @doc "Runs all statements or none and answers the rows of each; what is answered is on the disk."
  @spec store_transaction(store(), [{String.t(), [param()]}]) :: {:ok, [[[value()]]]} | {:error, Error.t()}
  def store_transaction(store, statements), do: store |> nif_store_transaction(statements) |> result()

  @doc "Closes the journal. One that is not closed stays open as long as the VM runs."
  @spec store_close(store()) :: :ok | {:error, Error.t()}
  def store_close(store), do: store |> nif_store_close() |> done()

  @doc "Memory, from the tightest control group that this VM is in, else from the machine."
  @spec memory() :: {:ok, memory()} | {:error, Error.t()}
  def memory, do: nif_memory() |> result()

  @doc "Space in bytes on the file system of a path: its size, and what this VM may still write."
  @spec disk_space(Path.t()) :: {:ok, %{total: non_neg_integer(), free: non_neg_integer()}} | {:error, Error.t()}
  def disk_space(path), do: path |> Path.expand() |> nif_disk_space() |> result()

  @doc "Runs programs in a row, see `Bloom.Pipeline.run/2`."
  @spec pipeline(map(), watch()) :: {:ok, Bloom.Pipeline.outcome()} | {:error, Error.t()}
  def pipeline(pipeline, opts), do: pipeline |> nif_pipeline(watch(opts)) |> result()

  @doc "Size and SHA-256 of a file."
  @spec file_digest(Path.t()) :: {:ok, %{bytes: non_neg_integer(), sha256: String.t()}} | {:error, Error.t()}
  def file_digest(path), do: path |> Path.expand() |> nif_file_digest() |> result()

  @doc "Makes a token for `cancel/1`; one that is part of a `whole` is cancelled with it."
  @spec cancel_token(token() | nil) :: {:ok, token()} | {:error, Error.t()}
  def cancel_token(whole \\ nil), do: whole |> nif_cancel_token() |> result()

  @doc "Stops the operations that were given the token, now and in future."
  @spec cancel(token()) :: :ok | {:error, Error.t()}
  def cancel(token), do: token |> nif_cancel() |> done()

  @doc "Whether a token is cancelled."
  @spec cancelled?(token()) :: boolean()
  def cancelled?(token), do: token |> nif_cancelled() |> result() |> ok!()

  @doc """
  The value of a result, or raises its error.

      iex> Bloom.Native.ok!({:ok, 1})
      1
      iex> Bloom.Native.ok!(:ok)
      :ok
  """
  @spec ok!(:ok | {:ok, value} | {:error, Error.t()}) :: :ok | value when value: term()
  def ok!(:ok), do: :ok
  def ok!({:ok, value}), do: value
  def ok!({:error, %Error{} = error}), do: raise(error)

  # The library takes the place of these. Without it they answer what kept it from loading.

  @functions [
    nif_tree_digest: 1,
    nif_manifest_write: 3,
    nif_archive_verify: 3,
    nif_archive_stage: 4,
    nif_archive_unstage: 2,
    nif_archive_sweep: 1,
    nif_inventory: 1,
    nif_size: 1,
    nif_plan: 1,
    nif_pipeline: 2,
    nif_file_digest: 1,
    nif_memory: 0,
    nif_disk_space: 1,
    nif_bug: 1,
    nif_store_open: 2,
    nif_store_query: 2,
    nif_store_transaction: 2,
    nif_store_audit: 3,
    nif_store_verify_audit: 2,
    nif_store_close: 1,
    nif_sqlite_dump: 4,
    nif_sqlite_verify: 5,
    nif_sqlite_written: 4,
    nif_sqlite_restore: 5,
    nif_cancelled: 1,
    nif_cancel_token: 1,
    nif_cancel: 1
  ]

  for {name, arity} <- @functions do
    @doc false
    def unquote(name)(unquote_splicing(List.duplicate({:_, [], nil}, arity))), do: not_loaded()
  end

  defp store_path(":memory:"), do: nil
  defp store_path(path), do: Path.expand(path)

  defp expect(opts), do: %{name: opts[:name], version: opts[:version]}
  defp watch(opts), do: %{progress: opts[:progress], cancel: opts[:cancel]}

  defp result({:ok, value}), do: {:ok, value}
  defp result({:error, error}), do: {:error, Error.from_native(error)}

  defp done(answer), do: with({:ok, :ok} <- result(answer), do: :ok)

  # Never fails: a release must boot, and a switch must go on, whatever is wrong with the library.
  @doc false
  def load do
    with {:ok, path} <- library(),
         {:error, {reason, text}} <- :erlang.load_nif(path, @version) do
      remember("#{path}.so cannot be loaded: #{explain(reason, text |> to_string() |> String.trim_trailing("."))}")
    else
      :ok -> :ok
      {:error, message} -> remember(message)
    end
  end

  defp library do
    case :code.priv_dir(:bloom) do
      {:error, :bad_name} -> {:error, "there is no bloom application in the code path: put its ebin directory there"}
      dir -> {:ok, :filename.join([dir, "native", @library])}
    end
  end

  # The library answers 2 to another version than its own.
  defp explain(reason, text) do
    cond do
      reason in [:load, :upgrade] and text =~ "(2)" ->
        "it was built for another version of Bloom; give Bloom #{@version} its own"

      reason in [:load, :upgrade, :reload] ->
        "#{text}; restart the VM"

      true ->
        "#{text}; build it on a machine like this one with mix deps.compile bloom --force"
    end
  end

  defp remember(message) do
    error = %{code: :native_not_loaded, message: "Bloom's native library is not loaded: #{message}"}
    :persistent_term.put({__MODULE__, :not_loaded}, {:error, error})
  end

  defp not_loaded, do: :persistent_term.get({__MODULE__, :not_loaded})
end

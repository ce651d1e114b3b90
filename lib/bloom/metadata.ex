defmodule Bloom.Metadata do
  @moduledoc """
  What Bloom remembers: the journal of deployments, their history, migrations and backups, and who asked for what.

  It is one SQLite file, `bloom.db` in `app_root`, shared by all releases. What a function has answered is on the disk.
  Where no release runs and no `app_root` is set, as in test suites, it is in memory.

  A damaged file is kept aside as `bloom.db.damaged-SECONDS`; from then on every function answers an error (code
  `:store_damaged`) until a good copy is renamed into its place or its history is given up with `start_anew/0`. The guide
  "The journal" has all of it.

  Functions that start with `get_` answer `{:error, message}`, the others `{:error, %Bloom.Error{}}`.
  """

  alias Bloom.Error
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.Metadata.{History, Journal, Records, Rows, Store}

  @most 0x7FFF_FFFF_FFFF_FFFF

  @type id :: pos_integer()
  @type operation :: :install | :switch | :rollback | :remove
  @type outcome :: :installed | :committed | :failed | :taken_back | :cancelled | :removed

  @typedoc "A step as it went; `result` and `duration_us` are `nil` while it is not finished."
  @type step :: %{
          id: id(),
          step: atom() | String.t(),
          phase: :run | :undo | String.t(),
          result: nil | :ok | {:error, String.t()},
          started_at: DateTime.t(),
          duration_us: non_neg_integer() | nil
        }

  @typedoc """
  A deployment. What a newer Bloom has written and this one does not know is a string instead of an atom. Only the latest
  200 still have their plan.
  """
  @type deployment :: %{
          id: id(),
          operation: operation() | String.t(),
          version: String.t(),
          from_version: String.t() | nil,
          mode: :hot | :restart | nil | String.t(),
          outcome: outcome() | nil | String.t(),
          reason: String.t() | nil,
          requested_by: String.t() | nil,
          facts: map(),
          plan: map() | nil,
          started_at: DateTime.t(),
          finished_at: DateTime.t() | nil,
          steps: [step()]
        }

  @doc "Writes that a deployment begins."
  @spec start_deployment(%{
          required(:operation) => operation(),
          required(:version) => String.t(),
          optional(:from_version) => String.t() | nil,
          optional(:requested_by) => String.t() | nil,
          optional(:facts) => map()
        }) :: {:ok, id()} | {:error, Error.t()}
  def start_deployment(%{operation: operation, version: _version} = attributes) do
    known!(operation, Rows.operations())
    Journal.start_deployment(attributes)
  end

  @doc "Writes how a deployment is carried out, its plan or its facts; they replace what was there."
  @spec update_deployment(id(), %{
          optional(:mode) => :hot | :restart,
          optional(:plan) => map(),
          optional(:facts) => map()
        }) :: :ok | {:error, Error.t()}
  def update_deployment(id, changes) when map_size(changes) > 0, do: Journal.update_deployment(id, changes)

  @doc "Writes that a step of a deployment begins."
  @spec start_step(id(), atom(), :run | :undo) :: {:ok, id()} | {:error, Error.t()}
  def start_step(deployment_id, step, phase) when is_atom(step) and phase in [:run, :undo],
    do: Journal.start_step(deployment_id, step, phase)

  @doc "Writes what came of a step, and the facts of its deployment with it unless they are `nil`."
  @spec finish_step(id(), :ok | {:error, String.t()}, map() | nil) :: :ok | {:error, Error.t()}
  def finish_step(step_id, result, facts \\ nil), do: Journal.finish_step(step_id, result, facts)

  @doc "Writes how a deployment has ended."
  @spec finish_deployment(id(), outcome(), String.t() | nil) :: :ok | {:error, Error.t()}
  def finish_deployment(id, outcome, reason \\ nil) do
    known!(outcome, Rows.outcomes())
    Journal.finish_deployment(id, outcome, reason)
  end

  @doc "The latest deployment that has not ended."
  @spec unfinished_deployment() :: {:ok, deployment() | nil} | {:error, Error.t()}
  def unfinished_deployment, do: History.unfinished()

  @doc "The deployments, newest first; `limit: 50` of them unless told otherwise."
  @spec get_deployment_history(limit: pos_integer()) :: {:ok, [deployment()]} | {:error, String.t()}
  def get_deployment_history(opts \\ []), do: opts |> limit() |> History.all() |> in_words()

  @doc "One deployment."
  @spec get_deployment(id()) :: {:ok, deployment()} | {:error, String.t()}
  def get_deployment(id), do: id |> History.one() |> in_words()

  @doc "The version that a rollback goes back to: each committed switch is one that a rollback can take back."
  @spec get_rollback_target() :: {:ok, String.t()} | {:error, String.t()}
  def get_rollback_target, do: in_words(History.rollback_target())

  @doc """
  When and why a version did not pass its last trial, or `nil`. Forgotten when the version is removed, as then something
  else may come under its name.
  """
  @spec failed_trial(String.t()) :: {:ok, %{at: DateTime.t(), reason: String.t() | nil} | nil} | {:error, Error.t()}
  def failed_trial(version), do: History.failed_trial(version)

  @doc "What was saved of the migrations of a version, newest first."
  @spec get_migration_info(String.t()) :: {:ok, [map()]} | {:error, String.t()}
  def get_migration_info(version), do: "migrations" |> Records.all(version) |> in_words()

  @doc "What was saved of migrations, oldest first, each with its version."
  @spec migration_events() :: {:ok, [{String.t(), map()}]} | {:error, Error.t()}
  def migration_events, do: Records.every("migrations")

  @doc "Saves what is to be known of migrations that were run for a version, beside what was saved before."
  @spec save_migration_info(String.t(), map()) :: :ok | {:error, Error.t()}
  def save_migration_info(version, info), do: Records.save("migrations", version, info)

  @doc "What was saved last of the backups of a version. One whose `:directory` is gone is none any more."
  @spec get_backup_info(String.t()) :: {:ok, map()} | {:error, String.t()}
  def get_backup_info(version) do
    with {:ok, saved} <- in_words(Records.all("backups", version)) do
      case Enum.find(saved, &there?/1) do
        nil when saved == [] -> {:error, "There is no backup of version #{version}"}
        nil -> {:error, "There is no backup of version #{version} any more: it was removed"}
        latest -> {:ok, latest}
      end
    end
  end

  defp there?(%{directory: directory}), do: File.dir?(directory)
  defp there?(_info), do: true

  @doc "Saves what is to be known of a backup made for a version, beside what was saved before."
  @spec save_backup_info(String.t(), map()) :: :ok | {:error, Error.t()}
  def save_backup_info(version, info), do: Records.save("backups", version, info)

  @doc "Writes who asked for what, and what was answered. The last 100,000 are kept."
  @spec audit(%{
          who: String.t() | nil,
          operation: String.t() | atom(),
          arguments: term(),
          result: term()
        }) :: :ok | {:error, Error.t()}
  def audit(%{who: _who, operation: _operation, arguments: _arguments, result: _result} = asked),
    do: Records.audit(asked)

  @doc "Who asked for what, newest first; `limit: 50` of them unless told otherwise."
  @spec get_audit(limit: pos_integer()) ::
          {:ok,
           [
             %{
               id: id(),
               at: DateTime.t(),
               who: String.t() | nil,
               operation: String.t(),
               arguments: term(),
               result: term()
             }
           ]}
          | {:error, String.t()}
  def get_audit(opts \\ []), do: opts |> limit() |> Records.get_audit() |> in_words()

  @doc """
  Looks whether the audit log is as it was written: each row carries the digest of itself and of the row before it.

  A row that was changed, removed or put in by something else than Bloom is an error (code `:audit_broken`) that names the
  first one. Else the answer says how many rows there are (`:rows`), how many of them an older Bloom without digests had
  written (`:adopted`), how many it has written since (`:pending`), the `:first` row that is kept, and the `:head`: the
  digest of the last row.

  There is no key in the digests, so who can write the file can write a whole new log. Who notes the head elsewhere finds that
  too: with `noted: head` the log has to go on from that row, unless it is so old that it was forgotten.

      {:ok, %{rows: 12, adopted: 0, pending: 0, first: 1, head: head}} = Bloom.Metadata.verify_audit()
      {:ok, %{rows: 15}} = Bloom.Metadata.verify_audit(noted: head)
  """
  @spec verify_audit(noted: String.t()) ::
          {:ok,
           %{
             rows: non_neg_integer(),
             adopted: non_neg_integer(),
             pending: non_neg_integer(),
             first: id() | nil,
             head: String.t()
           }}
          | {:error, Error.t()}
  def verify_audit(opts \\ []), do: Records.verify_audit(opts[:noted])

  @doc "Whether the journal can be relied on. As long as it cannot, nothing is deployed."
  @spec status() :: :ok | {:error, Error.t()}
  def status, do: with({:ok, [[_count]]} <- Store.query("SELECT count(*) FROM meta"), do: :ok)

  @doc """
  Gives up the history of a damaged journal and begins an empty one; the damaged file stays aside.

  Does nothing where the journal is sound.
  """
  @spec start_anew() :: :ok | {:error, Error.t()}
  def start_anew, do: Store.start_anew()

  # What is more than SQLite can count is all there is.
  defp limit(opts) do
    case Keyword.get(opts, :limit, 50) do
      limit when is_integer(limit) and limit > 0 -> min(limit, @most)
      other -> raise ArgumentError, "limit: is a whole number from 1 on, got: #{Words.of(other)}"
    end
  end

  defp known!(word, words) do
    if word not in words, do: raise(ArgumentError, "expected one of #{inspect(words)}, got: #{inspect(word)}")
  end

  defp in_words({:ok, value}), do: {:ok, value}
  defp in_words({:error, %Error{} = error}), do: {:error, Error.to_message(error)}
end

defmodule Bloom.Test.Faults.Log do
  @moduledoc "Reads what the interposer has written down: the operations of a node on its file system, in order."

  @typedoc """
  Paths are relative to the root; `nil` is outside of it, `""` the root itself. `number` counts the operations of the
  launcher and the VM and is `nil` for those of the processes that the VM starts. `errno` is 0 where the operation succeeded.
  """
  @type operation :: %{
          number: pos_integer() | nil,
          pid: pos_integer(),
          kind: atom(),
          path: Path.t() | nil,
          to: Path.t() | nil,
          mode: non_neg_integer(),
          offset: integer(),
          data: binary(),
          errno: non_neg_integer()
        }

  @kinds {nil, :create, :write, :truncate, :rename, :unlink, :mkdir, :rmdir, :link, :symlink, :chmod, :sync, :sync_all}

  @doc "The operations of a log, of a node that ran below `root`; none where there is no log."
  @spec read(Path.t(), Path.t()) :: [operation()]
  def read(log, root) do
    case File.read(log) do
      {:ok, records} -> parse(records, root)
      {:error, :enoent} -> []
    end
  end

  # A kill may come while a record is being written; the rest of it never happened.
  defp parse(<<length::native-32, record::binary-size(length), rest::binary>>, root) do
    [operation(record, root) | parse(rest, root)]
  end

  defp parse(_end_or_torn, _root), do: []

  defp operation(
         <<pid::native-32, number::native-32, errno::native-32, kind::native-32, mode::native-32,
           offset::native-signed-64, path_length::native-32, to_length::native-32, data_length::native-32,
           path::binary-size(path_length), to::binary-size(to_length), data::binary-size(data_length)>>,
         root
       ) do
    %{
      number: if(number > 0, do: number),
      pid: pid,
      kind: elem(@kinds, kind),
      path: relative(path, root),
      to: relative(to, root),
      mode: mode,
      offset: offset,
      data: data,
      errno: errno
    }
  end

  defp relative(root, root), do: ""

  defp relative(path, root) do
    case String.split_at(path, byte_size(root) + 1) do
      {prefix, rest} when prefix == root <> "/" -> rest
      _outside -> nil
    end
  end

  @doc "An operation in a line, for people."
  @spec describe(operation()) :: String.t()
  def describe(operation) do
    [operation.number || "-", operation.kind, operation.path, operation.to && "-> #{operation.to}"]
    |> Enum.reject(&is_nil/1)
    |> Enum.join(" ")
    |> Kernel.<>(if(operation.data != "", do: " #{byte_size(operation.data)} bytes", else: ""))
    |> Kernel.<>(if(operation.errno != 0, do: " (errno #{operation.errno})", else: ""))
  end
end

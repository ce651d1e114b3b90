defmodule Bloom.Test.Faults.Disk do
  @moduledoc """
  A file system in memory that knows what has reached the disk, and what a power cut would leave.

  It starts from a directory that is all on disk, takes the operations of a `Bloom.Test.Faults.Log`, and is written out
  as one of these may find it afterwards:

    * `:strict` - only what POSIX promises: contents as of the file's last fsync, names as of the directory's last fsync,
      or both as of the last sync of the whole file system;
    * `:ordered` - file systems with a journal for metadata: every name, size cut and permission is there, and what was
      written since the last fsync is not: new files are empty;
    * `:torn` - as `:ordered`, but of what was written since the last fsync everything is there except for the second
      half of the last write.
  """

  alias Bloom.Test.Faults.Log

  @type model :: :strict | :ordered | :torn

  @typep content :: binary() | {:base, Path.t()}
  @typep inode ::
           %{type: :dir, mode: term(), disk_mode: term(), now: %{String.t() => pos_integer()}, disk: map()}
           | %{
               type: :file,
               mode: term(),
               disk_mode: term(),
               now: content(),
               disk: content(),
               cut: content(),
               torn: content()
             }
           | %{type: :symlink, target: String.t()}

  @enforce_keys [:base, :inodes]
  defstruct [:base, :inodes]

  @type t :: %__MODULE__{base: Path.t(), inodes: %{pos_integer() => inode()}}

  @root 1

  @doc "The disk that holds a directory, with everything in it durable. Files are read when they are needed."
  @spec new(Path.t()) :: t()
  def new(base) do
    {_id, inodes} = load(base, "", %{})
    %__MODULE__{base: base, inodes: inodes}
  end

  defp load(base, path, inodes) do
    id = map_size(inodes) + 1
    full = Path.join(base, path)
    inodes = Map.put(inodes, id, nil)

    case File.lstat!(full).type do
      :directory ->
        {entries, inodes} =
          Enum.map_reduce(File.ls!(full), inodes, fn name, inodes ->
            {child, inodes} = load(base, Path.join(path, name), inodes)
            {{name, child}, inodes}
          end)

        {id, Map.put(inodes, id, dir(:base, Map.new(entries)))}

      :regular ->
        content = {:base, path}
        {id, Map.put(inodes, id, file(:base, content))}

      :symlink ->
        {id, Map.put(inodes, id, %{type: :symlink, target: File.read_link!(full)})}
    end
  end

  defp dir(mode, entries), do: %{type: :dir, mode: mode, disk_mode: mode, now: entries, disk: entries}

  defp file(mode, content),
    do: %{type: :file, mode: mode, disk_mode: mode, now: content, disk: content, cut: content, torn: content}

  @doc "The disk after an operation; one that failed changed nothing."
  @spec apply(t(), Log.operation()) :: t()
  def apply(%__MODULE__{} = disk, %{errno: errno}) when errno != 0, do: disk

  def apply(%__MODULE__{} = disk, %{kind: :sync_all}) do
    %{disk | inodes: Map.new(disk.inodes, fn {id, inode} -> {id, synced(inode)} end)}
  end

  def apply(%__MODULE__{} = disk, operation) do
    # What is written to a file without a name is gone with it.
    if operation.path && String.ends_with?(operation.path, " (deleted)"), do: disk, else: change(disk, operation)
  end

  defp change(disk, %{kind: :create} = operation) do
    case find(disk, operation.path) do
      nil -> add(disk, operation.path, file(permissions(operation.mode), ""))
      # Only opened with O_TRUNC is it written down when it was there.
      id -> update(disk, id, &%{&1 | now: "", cut: "", torn: ""})
    end
  end

  defp change(disk, %{kind: :write} = operation) do
    update(disk, find!(disk, operation), fn file ->
      now = content(disk, file.now)
      half = binary_part(operation.data, 0, div(byte_size(operation.data), 2))
      %{file | now: overwrite(now, operation.offset, operation.data), torn: overwrite(now, operation.offset, half)}
    end)
  end

  defp change(disk, %{kind: :truncate} = operation) do
    cut = &resize(content(disk, &1), operation.offset)
    update(disk, find!(disk, operation), &%{&1 | now: cut.(&1.now), cut: cut.(&1.cut), torn: cut.(&1.torn)})
  end

  defp change(disk, %{kind: :rename, path: path, to: to} = operation) when is_binary(path) and is_binary(to) do
    id = find!(disk, operation)
    disk |> unlink(path) |> link(to, id)
  end

  defp change(disk, %{kind: kind} = operation) when kind in [:unlink, :rmdir] do
    find!(disk, operation)
    unlink(disk, operation.path)
  end

  defp change(disk, %{kind: :mkdir} = operation), do: add(disk, operation.path, dir(permissions(operation.mode), %{}))
  defp change(disk, %{kind: :link, path: path, to: to}), do: link(disk, to, find(disk, path))

  defp change(disk, %{kind: :symlink} = operation) do
    add(disk, operation.path, %{type: :symlink, target: operation.data})
  end

  defp change(disk, %{kind: :chmod} = operation) do
    update(disk, find!(disk, operation), &%{&1 | mode: Bitwise.band(operation.mode, 0o7777)})
  end

  defp change(disk, %{kind: :sync} = operation), do: update(disk, find!(disk, operation), &synced/1)

  defp synced(%{type: :symlink} = link), do: link
  defp synced(%{type: :dir} = dir), do: %{dir | disk: dir.now, disk_mode: dir.mode}
  defp synced(file), do: %{file | disk: file.now, cut: file.now, torn: file.now, disk_mode: file.mode}

  # As under the usual umask.
  defp permissions(mode), do: Bitwise.band(mode, 0o755)

  defp overwrite(content, offset, data) do
    content = if byte_size(content) < offset, do: resize(content, offset), else: content
    rest = offset + byte_size(data)
    tail = if byte_size(content) > rest, do: binary_part(content, rest, byte_size(content) - rest), else: ""
    binary_part(content, 0, offset) <> data <> tail
  end

  defp resize(content, size) when byte_size(content) >= size, do: binary_part(content, 0, size)
  defp resize(content, size), do: content <> :binary.copy(<<0>>, size - byte_size(content))

  defp content(disk, {:base, path}), do: File.read!(Path.join(disk.base, path))
  defp content(_disk, content), do: content

  defp find(disk, path) do
    path
    |> Path.split()
    |> Enum.reduce_while(@root, fn name, id ->
      case disk.inodes[id] do
        %{type: :dir, now: %{^name => child}} -> {:cont, child}
        _none -> {:halt, nil}
      end
    end)
  end

  # Something changes the directory past the interposer where this fails, and nothing that follows can be believed.
  defp find!(disk, operation) do
    find(disk, operation.path) || raise "the disk does not have what the log speaks of: #{Log.describe(operation)}"
  end

  defp update(disk, id, fun), do: %{disk | inodes: Map.update!(disk.inodes, id, fun)}

  # A new file or directory has reached the disk in nothing but its kind.
  defp add(disk, path, inode) do
    id = map_size(disk.inodes) + 1
    link(%{disk | inodes: Map.put(disk.inodes, id, inode)}, path, id)
  end

  defp link(disk, path, id), do: in_parent(disk, path, &Map.put(&1, Path.basename(path), id))
  defp unlink(disk, path), do: in_parent(disk, path, &Map.delete(&1, Path.basename(path)))

  defp in_parent(disk, path, fun) do
    update(
      disk,
      find(disk, if(Path.dirname(path) == ".", do: "", else: Path.dirname(path))),
      &%{&1 | now: fun.(&1.now)}
    )
  end

  @doc "What is left after a power cut: every path with what is there, the parts before what they contain."
  @spec image(t(), model()) :: [{Path.t(), :dir | :file | :symlink, mode :: term(), content() | String.t() | nil}]
  def image(%__MODULE__{} = disk, model), do: disk |> image(model, @root, "") |> Enum.sort()

  defp image(disk, model, id, path) do
    case disk.inodes[id] do
      %{type: :dir} = dir ->
        entries = if model == :strict, do: dir.disk, else: dir.now
        children = for {name, child} <- entries, left <- image(disk, model, child, Path.join(path, name)), do: left
        [{path, :dir, mode(dir, model), nil} | children]

      %{type: :file} = file ->
        [{path, :file, mode(file, model), Map.fetch!(file, %{strict: :disk, ordered: :cut, torn: :torn}[model])}]

      %{type: :symlink, target: target} ->
        [{path, :symlink, nil, target}]
    end
  end

  defp mode(inode, :strict), do: inode.disk_mode
  defp mode(inode, _model), do: inode.mode

  @doc "Writes an image below a directory that is not there yet. `base` is what its disk was made from."
  @spec write!([tuple()], Path.t(), Path.t()) :: :ok
  def write!(image, base, target) do
    for {path, type, mode, content} <- image do
      full = Path.join(target, path)
      write_entry!(type, content, base, full)
      if is_integer(mode), do: File.chmod!(full, mode)
    end

    :ok
  end

  defp write_entry!(:dir, nil, _base, full), do: File.mkdir_p!(full)
  defp write_entry!(:symlink, target, _base, full), do: File.ln_s!(target, full)

  defp write_entry!(:file, {:base, path}, base, full) do
    # Libraries are never written to in place, so a second name for them will do.
    if String.starts_with?(path, ["lib/", "erts-"]) or String.ends_with?(path, ".tar.gz"),
      do: File.ln!(Path.join(base, path), full),
      else: File.cp!(Path.join(base, path), full)
  end

  defp write_entry!(:file, content, _base, full), do: File.write!(full, content)
end

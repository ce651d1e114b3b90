defmodule Bloom.ErrorInterpreter.Posix do
  @moduledoc """
  What the operating system refuses: POSIX codes, alone or with the file they are about, and Elixir's `File` exceptions.
  """

  @behaviour Bloom.ErrorInterpreter.Source

  alias Bloom.Error
  alias Bloom.ErrorInterpreter.Words

  # The codes are those that the native library has for the same refusals.
  @groups [
    {:disk_full, ~w(enospc edquot)a, "free some space there and try again"},
    {:read_only, ~w(erofs)a, "mount it for writing, or move the release to where the node may write"},
    {:permission_denied, ~w(eacces eperm)a, "give the user that runs the node the right to do so"},
    {:too_many_open_files, ~w(emfile enfile)a,
     "raise the limit of open files (ulimit -n, LimitNOFILE in the systemd unit), and look for what keeps them open"},
    {:out_of_memory, ~w(enomem)a, "free some memory, or give the machine or the container more"},
    {:io, ~w(enoent enotdir)a, "check the path"},
    {:io, ~w(eexist enotempty eisdir)a, "look at what lies there, and move it away if nobody needs it"},
    {:io, ~w(ebusy etxtbsy eagain ealready edeadlk eintr)a, "end what uses it, then try again"},
    {:io, ~w(exdev)a, "keep the release on one file system"},
    {:io, ~w(enametoolong eloop)a, "use a shorter path without links that lead in a circle"},
    {:io, ~w(eio enxio enodev estale esrch epipe ebadf efault einval espipe efbig emlink echild)a,
     "look at the disk and at the system's log, then try again"},
    {:io, ~w(enosys enotsup enotblk)a, "use a file system that can do this"},
    {:network, ~w(econnrefused econnreset econnaborted ehostunreach ehostdown enetunreach enetdown etimedout eaddrinuse
        eaddrnotavail enotconn eisconn nxdomain)a, "see whether the other side runs and can be reached, then try again"}
  ]

  # No map: one of more than 32 keys is compiled in another order each time, and Bloom would never be the same twice.
  @names for {_code, names, _advice} <- @groups, name <- names, do: name

  @doc "The POSIX codes that are known."
  @spec known() :: [atom()]
  def known, do: @names

  @doc "Whether it is one of them."
  @spec known?(term()) :: boolean()
  def known?(reason), do: reason in @names

  @doc """
  What a POSIX code means.

      iex> Bloom.ErrorInterpreter.Posix.words(:enospc)
      "no space left on device"
  """
  @spec words(atom()) :: String.t()
  def words(:nxdomain), do: "no such host"
  def words(posix), do: posix |> :file.format_error() |> to_string()

  @impl true
  def interpret(posix) when posix in @names, do: error(posix, "the operating system refuses")

  def interpret({posix, path}) when posix in @names and (is_binary(path) or is_list(path)) do
    error(posix, "cannot use #{Words.of(path)}")
  end

  def interpret(%File.Error{action: action, path: path, reason: reason}) when reason in @names do
    error(reason, "cannot #{action} #{Words.of(path)}")
  end

  def interpret(%{__struct__: struct, action: action, source: from, destination: to, reason: reason})
      when struct in [File.CopyError, File.RenameError, File.LinkError] and reason in @names do
    error(reason, "cannot #{action} #{Words.of(from)} to #{Words.of(to)}")
  end

  def interpret(_other), do: nil

  defp error(posix, what) do
    {code, _names, advice} = Enum.find(@groups, fn {_code, names, _advice} -> posix in names end)
    Error.new(code, "#{what}: #{words(posix)}", details: %{reason: posix}, suggestions: [advice])
  end
end

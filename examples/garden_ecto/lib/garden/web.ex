defmodule Garden.Web do
  @moduledoc "The garden over HTTP, on OTP's `:inets`, loopback only."

  require Record
  Record.defrecordp(:request, :mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))

  def child_spec(_opts), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}, type: :supervisor}

  def start_link do
    :inets.start(
      :httpd,
      [
        port: Application.fetch_env!(:garden, :port),
        bind_address: {127, 0, 0, 1},
        server_name: ~c"garden",
        server_root: to_charlist(System.tmp_dir!()),
        document_root: to_charlist(System.tmp_dir!()),
        modules: [__MODULE__]
      ],
      :stand_alone
    )
  end

  @doc false
  def unquote(:do)(request(request_uri: uri, socket_type: type, socket: socket)) do
    uri = uri |> to_string() |> URI.parse()
    {status, body} = Garden.Routes.answer(uri.path, URI.decode_query(uri.query || ""))

    # In one piece: httpd would write head and body apart, and the second would wait for the first's acknowledgement.
    head = "HTTP/1.1 #{status}\r\ncontent-type: text/plain\r\ncontent-length: #{byte_size(body)}\r\n\r\n"
    :httpd_socket.deliver(type, socket, [head, body])
    {:proceed, [response: {:already_sent, elem(Integer.parse(status), 0), byte_size(body)}]}
  end
end

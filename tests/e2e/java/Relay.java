// Passes bytes between clients and the broker until told to cut every connection.

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

final class Relay implements Closeable {
  private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
  private final List<Socket> open = new CopyOnWriteArrayList<>();

  Relay(String host, int port) throws IOException {
    start(() -> {
      while (true) {
        Socket client = server.accept();
        Socket broker = new Socket(host, port);
        broker.setTcpNoDelay(true);
        client.setTcpNoDelay(true);
        open.add(client);
        open.add(broker);
        start(() -> pass(client, broker));
        start(() -> pass(broker, client));
      }
    });
  }

  int port() {
    return server.getLocalPort();
  }

  void cut() throws IOException {
    for (Socket socket : open) socket.close();
    open.clear();
  }

  @Override public void close() throws IOException {
    server.close();
    cut();
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void start(Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (IOException e) {
        // The connection or the relay was closed: nothing is left to pass on.
      }
    });
    thread.setDaemon(true);
    thread.start();
  }

  private static void pass(Socket from, Socket to) throws IOException {
    try (from; to; InputStream input = from.getInputStream()) {
      input.transferTo(to.getOutputStream());
    }
  }
}

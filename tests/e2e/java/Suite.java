// Runs all test classes with JUnit and prints one countable line at the end.

import org.junit.internal.TextListener;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Result;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

public final class Suite {
  private static final class SkipCounter extends RunListener {
    int skipped;

    @Override public void testIgnored(Description description) { skipped++; }

    @Override public void testAssumptionFailure(Failure failure) { skipped++; }
  }

  public static void main(String[] args) {
    JUnitCore runner = new JUnitCore();
    SkipCounter skips = new SkipCounter();
    runner.addListener(new TextListener(System.out));
    runner.addListener(skips);
    Result result = runner.run(ConnectionTest.class, TopologyTest.class, RoutingTest.class,
        PublishingTest.class, ConsumingTest.class, QueueFeaturesTest.class);
    int failed = result.getFailureCount();
    int passed = result.getRunCount() + result.getIgnoreCount() - failed - skips.skipped;
    System.out.printf("%d passed, %d failed, %d skipped%n", passed, failed, skips.skipped);
    System.exit(failed == 0 ? 0 : 1);
  }
}

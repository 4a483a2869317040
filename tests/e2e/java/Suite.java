// Runs all test classes with JUnit and prints one countable line at the end.

import org.junit.internal.TextListener;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Request;
import org.junit.runner.Result;
import org.junit.runner.manipulation.Filter;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

public final class Suite {
  private static final class SkipCounter extends RunListener {
    int skipped;

    @Override public void testIgnored(Description description) { skipped++; }

    @Override public void testAssumptionFailure(Failure failure) { skipped++; }
  }

  private static Filter named(String part) {
    return new Filter() {
      @Override public boolean shouldRun(Description description) {
        return description.isTest()
            ? (description.getClassName() + "." + description.getMethodName()).contains(part)
            : description.getChildren().stream().anyMatch(this::shouldRun);
      }

      @Override public String describe() {
        return "tests named *" + part + "*";
      }
    };
  }

  public static void main(String[] args) {
    JUnitCore runner = new JUnitCore();
    SkipCounter skips = new SkipCounter();
    runner.addListener(new TextListener(System.out));
    runner.addListener(skips);
    Request tests = Request.classes(ConnectionTest.class, TopologyTest.class, RoutingTest.class,
        PublishingTest.class, ConsumingTest.class, QueueFeaturesTest.class);
    if (args.length > 0) tests = tests.filterWith(named(args[0]));
    Result result = runner.run(tests);
    int failed = result.getFailureCount();
    int passed = result.getRunCount() + result.getIgnoreCount() - failed - skips.skipped;
    System.out.printf("%d passed, %d failed, %d skipped%n", passed, failed, skips.skipped);
    System.exit(failed == 0 ? 0 : 1);
  }
}

"""The output line of a shell script in the wrong quotes."""

from dsflow import Shell, Workflow

with Workflow("w", project="p") as wf:
    double = Shell(
        "double",
        """
        echo "${setValue(rows=3)}"  # <- DSF305
        """,
        outputs={"rows": int},
    )
    single = Shell(
        "single",
        """
        FILES=$(ls | wc -l)
        echo '${setValue(files=$FILES)}'  # <- DSF305
        """,
        outputs={"files": int},
    )
    good = Shell("good", 'echo "#{setValue(days=$DAYS)}"', outputs={"days": int})
    read = Shell("read", "echo ${rows} ${files} ${days}")
    [double, single, good] >> read

# Duplicates marked, not removed; index.
if config["duplicates"] == "sambamba":

    rule mark_duplicates:
        input:
            bam="work/merged/{sample}.bam",
            made_by=lambda wildcards: ALIGNED_BY[wildcards.sample],
        output:
            bam="bams/{sample}.bam",
            bai="bams/{sample}.bam.bai",
        log:
            "logs/mark_duplicates/{sample}.log",
        threads: config["threads"]
        conda:
            "../envs/tools.yaml"
        shell:
            "sambamba markdup -t {threads} --tmpdir work/sambamba/{wildcards.sample} {input.bam:q} {output.bam:q} 2> {log:q}"
            " && samtools index {output.bam:q} {output.bai:q} 2>> {log:q}"

elif config["duplicates"] == "samtools":

    rule mark_duplicates:
        input:
            bam="work/merged/{sample}.bam",
            made_by=lambda wildcards: ALIGNED_BY[wildcards.sample],
        output:
            bam="bams/{sample}.bam",
            bai="bams/{sample}.bam.bai",
        log:
            "logs/mark_duplicates/{sample}.log",
        threads: config["threads"]
        conda:
            "../envs/tools.yaml"
        shell:
            "samtools markdup -@ {threads} -T {output.bam:q}.markdup {input.bam:q} {output.bam:q} 2> {log:q}"
            " && samtools index {output.bam:q} {output.bai:q} 2>> {log:q}"

else:

    rule keep_duplicates:
        input:
            bam="work/merged/{sample}.bam",
            made_by=lambda wildcards: ALIGNED_BY[wildcards.sample],
        output:
            bam="bams/{sample}.bam",
            bai="bams/{sample}.bam.bai",
        log:
            "logs/mark_duplicates/{sample}.log",
        conda:
            "../envs/tools.yaml"
        shell:
            "cp {input.bam:q} {output.bam:q} 2> {log:q} && samtools index {output.bam:q} {output.bai:q} 2>> {log:q}"
